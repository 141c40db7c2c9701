"""A JSON body, received whole within bounds: never more of it than a change can need is read."""

import codecs
import json
from typing import Any, Final

from starlette.requests import Request

from api.fields import NUMBER_DIGITS
from api.intake.pace import PacedStream
from shared.errors import InvalidField, MalformedBody

MAX_DOCUMENT_BYTES: Final = 64 * 1024
_RATE_WINDOW_S: Final = 30.0
_EXAMPLE: Final = '{"name": "Anna"}'


async def receive_document(request: Request, *, min_rate_bytes_s: int, example: str = _EXAMPLE) -> dict[str, Any]:
    """Return the body's JSON object; `example` shows what is wanted to who sent none.

    Raises: MalformedBody, InvalidField, UploadTimeout.
    """
    try:
        return _object(await _received(request, min_rate_bytes_s))
    except (MalformedBody, InvalidField) as error:
        raise type(error)(f"{error.message} Send a JSON object, for instance {example}.", **error.details) from error


async def _received(request: Request, min_rate_bytes_s: int) -> bytearray:
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_DOCUMENT_BYTES:
        raise _too_long(f"{int(length)} were announced")
    body = bytearray()
    paced = PacedStream(request.stream(), min_rate_bytes_s=min_rate_bytes_s, window_s=_RATE_WINDOW_S)
    async for chunk in paced:
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise _too_long(f"{len(body)} came already")
    if not body.strip():
        raise MalformedBody("The body is empty.")
    return body


def _object(body: bytearray) -> dict[str, Any]:
    if body.startswith(codecs.BOM_UTF8):
        raise MalformedBody("The body begins with a byte order mark, the bytes EF BB BF; save or send it without.")
    try:
        parsed = json.loads(body.decode(), parse_constant=_no_number, parse_int=_integer)
    except RecursionError as error:
        raise MalformedBody("The body is nested too deeply.") from error
    except UnicodeDecodeError as error:
        place = f"byte {error.start + 1}, 0x{body[error.start]:02X}, cannot stand there"
        raise MalformedBody(f"The body is no JSON in UTF-8: {place}.") from error
    except ValueError as error:
        raise MalformedBody(f"The body is no JSON in UTF-8: {error}.") from error
    if not isinstance(parsed, dict):
        raise InvalidField("The body is JSON, but no object.", field="body")
    return parsed


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _integer(digits: str) -> int:
    if len(digits) > NUMBER_DIGITS:
        raise ValueError(f"a number in it has {len(digits)} digits, at most {NUMBER_DIGITS} are read")
    return int(digits)


def _too_long(found: str) -> MalformedBody:
    return MalformedBody(f"The body has more than {MAX_DOCUMENT_BYTES} bytes: {found}.", limit=MAX_DOCUMENT_BYTES)
