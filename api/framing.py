"""What the head of a request says that makes the rest of it no use here: no Host, a body that is packed.

Plain ASGI, and not outside of BodyWatch, which lets a refusal drain the body. The body is not looked at.
"""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.envelope import refusal
from shared.errors import ContentEncodingUnsupported, RequestError

_PLAIN: Final = ("", "identity")


class Framing:
    """Middleware that refuses what RFC 9112 (3.2: one Host) and RFC 9110 (8.4: known encodings) tell a server to."""

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
    for name, value in scope["headers"]:
        if name == b"host":
            hosts += 1
        elif name == b"content-encoding":
            encodings.append(value.decode("latin-1").strip())
    if hosts > 1 or (hosts == 0 and scope["http_version"] == "1.1"):
        return RequestError(f"A request of HTTP/1.1 has one 'Host' header; this one has {hosts or 'none'}.")
    packed = [encoding for encoding in encodings if encoding.lower() not in _PLAIN]
    if packed:
        return ContentEncodingUnsupported(
            f"The body has the Content-Encoding '{packed[0][:32]}'; send its bytes as they are, without that header.",
            found=packed[0][:32],
        )
    return None
