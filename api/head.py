"""HEAD wherever GET is: the same headers and no body."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MARK: Final = "clonepipe.head"


class HeadRequests:
    """Plain ASGI: routes a HEAD as the GET that it asks about. The innermost middleware, so that logs say HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def bodiless(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        inner = {**scope, "method": "GET", _MARK: True}
        await self._app(inner, receive, bodiless)
        scope["route"] = inner.get("route")


def is_head(scope: Scope) -> bool:
    """Say whether only headers are asked for: what is dear to make need not be made."""
    return scope.get(_MARK, False) is True
