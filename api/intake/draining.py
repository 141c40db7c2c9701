"""An answer in the middle of an upload: sent whole at once, while the rest of the request is still read and dropped.

Many clients write their whole body before they read, and take a closed connection for a failure; so the connection is
kept until they are done, or until more would cost us too much. Plain ASGI: a middleware that buffers must not stand
between this response and the server.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

import anyio
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from shared.settings import MIB

_WATCH: Final = "clonepipe.body"


class _Body:
    """What is known of one request's body."""

    ended = False


class BodyWatch:
    """Middleware that notes when a request's body has been read to its end, so that nothing waits for more of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = scope[_WATCH] = _Body()

        async def watched() -> Message:
            message = await receive()
            if not message.get("more_body", False):  # also a disconnect
                body.ended = True
            return message

        await self._app(scope, watched, send)


class DrainingResponse(Response):
    """A JSON answer that lets the client finish sending: at most `drain_bytes` and `drain_s` of it.

    It gives up after `pause_s` without a byte; without BodyWatch, where it cannot know that nothing is left to read,
    already after `idle_s`. The bytes are more than any request may have, because who sends them sees no answer before
    the last of them.
    """

    media_type = "application/json"
    drain_bytes: ClassVar[int] = 1024 * MIB
    drain_s: ClassVar[float] = 60.0
    pause_s: ClassVar[float] = 5.0
    idle_s: ClassVar[float] = 1.0

    def __init__(self, body: bytes, *, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body, status, headers)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body: _Body | None = scope.get(_WATCH)
        if body is not None and body.ended:
            await super().__call__(scope, receive, send)
            return
        self.headers["connection"] = "close"
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})
        # The last, empty message is held back: after it uvicorn gives no more of the request.
        await self._drop_rest(receive, self.idle_s if body is None else self.pause_s)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drop_rest(self, receive: Receive, idle_s: float) -> None:
        dropped_bytes = 0
        with anyio.move_on_after(self.drain_s):
            while dropped_bytes < self.drain_bytes:
                message: Message = {"type": "http.disconnect"}
                with anyio.move_on_after(idle_s):
                    message = await receive()
                if not message.get("more_body", False):
                    return
                dropped_bytes += len(message.get("body", b""))
