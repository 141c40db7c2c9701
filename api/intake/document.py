"""A JSON body, received whole within bounds: never more of it than a change can need is read."""

import json
from typing import Any, Final

from starlette.requests import Request

from api.intake.pace import PacedStream
from shared.errors import InvalidField, MalformedBody

MAX_DOCUMENT_BYTES: Final = 64 * 1024
_RATE_WINDOW_S: Final = 30.0
_EXAMPLE: Final = 'Send a JSON object, for instance {"name": "Anna"}.'


async def receive_document(request: Request, *, min_rate_bytes_s: int) -> dict[str, Any]:
    """Return the body's JSON object. Raises: MalformedBody, InvalidField, UploadTimeout."""
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
        raise MalformedBody(f"The body is empty. {_EXAMPLE}")
    return _object(body)


def _object(body: bytearray) -> dict[str, Any]:
    try:
        parsed = json.loads(body.decode(), parse_constant=_no_number)
    except RecursionError as error:
        raise MalformedBody(f"The body is nested too deeply. {_EXAMPLE}") from error
    except ValueError as error:
        raise MalformedBody(f"The body is no JSON in UTF-8: {error}. {_EXAMPLE}") from error
    if not isinstance(parsed, dict):
        raise InvalidField(f"The body is JSON, but no object. {_EXAMPLE}", field="body")
    return parsed


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _too_long(found: str) -> MalformedBody:
    return MalformedBody(
        f"The body has more than {MAX_DOCUMENT_BYTES} bytes: {found}. {_EXAMPLE}", limit=MAX_DOCUMENT_BYTES
    )
