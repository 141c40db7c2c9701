"""What the head of a request says that makes the rest of it no use here: no Host, a body that is packed.

Plain ASGI, and not outside of BodyWatch, which lets a refusal drain the body. The body is not looked at.
"""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.envelope import refusal
from shared.errors import ContentEncodingUnsupported, RequestError

_FRAMES: Final = ("chunked",)  # which the server has undone already, and nothing else
_PLAIN: Final = ("", "identity")


class Framing:
    """Middleware that refuses what RFC 9112 (one Host, known transfer codings) and RFC 9110 (known encodings) say."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = _found_wrong(scope) if scope["type"] == "http" else None
        if error is None:
            await self._app(scope, receive, send)
        else:
            await refusal(Request(scope, receive), error)(scope, receive, send)


def _found_wrong(scope: Scope) -> RequestError | None:
    hosts, encodings = 0, []
    transfers: list[str] = []
    for name, value in scope["headers"]:
        if name == b"host":
            hosts += 1
        elif name == b"content-encoding":
            encodings.append(value.decode("latin-1").strip())
        elif name == b"transfer-encoding":
            transfers += [coding.strip() for coding in value.decode("latin-1").split(",")]
    if hosts > 1 or (hosts == 0 and scope["http_version"] == "1.1"):
        return RequestError(f"A request of HTTP/1.1 has one 'Host' header; this one has {hosts or 'none'}.")
    packed = [encoding for encoding in encodings if encoding.lower() not in _PLAIN]
    if packed:
        return ContentEncodingUnsupported(
            f"The body has the Content-Encoding '{packed[0][:32]}'; send its bytes as they are, without that header.",
            found=packed[0][:32],
        )
    unknown = [coding for coding in transfers if coding.lower() not in _FRAMES]
    if unknown or len(transfers) > 1:
        coding = (unknown or transfers)[0][:32]
        return ContentEncodingUnsupported(
            f"The body has the Transfer-Encoding '{coding}'; send its bytes as they are, 'chunked' at most, and once.",
            found=coding,
        )
    return None
