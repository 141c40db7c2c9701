"""Every request gets an id, which travels in the answer, in errors and in the log."""

import re
import secrets
import time
from typing import Final

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.envelope import refusal
from shared import log
from shared.errors import ServiceError

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_POLLS: Final = ("GET", "HEAD")
_SLOW_S: Final = 1.0
_logger = log.get(__name__)


class RequestIds:
    """Plain ASGI, so that neither bodies nor streams pass through another buffer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _client_id(scope) or new_request_id()
        scope["request_id"] = request_id
        began_s = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id.encode())]}
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                # The outermost layer, so everything ends here: logged with its trace and answered with 500, not raised
                # on, because the server would cut a connection that can still be used. An answer that was already
                # begun stays unfinished, and then the server does cut it, so that nobody takes half for the whole.
                _logger.exception("unforeseen", method=scope["method"], route=_route(scope))
                if status == 0:
                    await refusal(Request(scope, receive), ServiceError())(scope, receive, send_with_id)
            took_s = time.perf_counter() - began_s
            # A poll that went well tells nobody anything, a thousand times an hour.
            if scope["method"] not in _POLLS or status >= 400 or took_s > _SLOW_S:
                took_ms = round(took_s * 1000, 1)
                _logger.info("request", method=scope["method"], route=_route(scope), status=status, took_ms=took_ms)


def new_request_id() -> str:
    """Return an id for a request that brought none."""
    return f"req_{secrets.token_hex(8)}"


def _client_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            return text if _CLIENT_ID.fullmatch(text) else None
    return None


def _route(scope: Scope) -> str:
    """Return the path's pattern, never the path: what a client puts into a URL does not belong in a log."""
    return getattr(scope.get("route"), "path", "unmatched")
