"""ElevenLabs' captcha: a picture with words to be read aloud, in whichever of three forms it comes."""

import base64
import binascii
from typing import Final

from shared.errors import VendorProtocol
from shared.vendors.answer import Answer

_PICTURES: Final = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


def picture_of(answer: Answer) -> tuple[str, bytes]:
    """Return a captcha as (content type, bytes). Raises: VendorProtocol.

    No schema is documented: it has come as base64, bare or as JSON, and as an image.
    """
    found = answer.body
    if not _type_of(found):
        said = answer.json()
        written = said if isinstance(said, str) else answer.body.decode("ascii", errors="replace")
        if written.startswith("data:"):
            written = written.partition(",")[2]
        try:
            found = base64.b64decode("".join(written.split()), validate=True)
        except (binascii.Error, ValueError):
            found = b""
    content_type = _type_of(found)
    if content_type is None:
        raise VendorProtocol("ElevenLabs' captcha is no picture that is known here.")
    return content_type, found


def _type_of(data: bytes) -> str | None:
    return next((kind for magic, kind in _PICTURES.items() if data.startswith(magic)), None)
