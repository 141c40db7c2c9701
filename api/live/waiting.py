"""A status poll that may wait until there is something new to say, and an answer that need not be sent again.

The tag is weak: what moves by itself, the estimate and the time of the last sign of life, is not in it. So it changes
with what a person would call a change, and a client that waits is not woken by the worker's heartbeat.
"""

import asyncio
import hashlib
import json
import math
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from typing_extensions import override

from api.direct import DirectRoute
from api.envelope import success
from api.live.feed import Feed
from api.live.stream import end_when_left
from api.live.watcher import Watcher
from shared.errors import InvalidField
from shared.ownership import not_found
from shared.views import CloneView

LONGEST_S: Final = 60
_MOVING: Final = frozenset({"etaSeconds", "etaRange", "updatedAt"})

PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "name": "wait",
        "in": "query",
        "required": False,
        "schema": {"type": "number", "minimum": 0, "maximum": LONGEST_S, "default": 0},
        "description": "Seconds to wait until the clone changes: from what `If-None-Match` names, else from now",
    },
    {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "The `ETag` of an earlier answer; as long as it holds the answer is 304, without a body",
    },
]
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "As `If-None-Match` names it"}}


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll found: the clone, how it is written, and whose key asked."""

    key_id: str
    view: CloneView
    shape: Callable[[CloneView], Mapping[str, Any]]

    def answer(self, request: Request, view: CloneView | None = None) -> Response:
        """Return the answer for the clone as it was found, or as it is by now."""
        document = self.shape(view or self.view)
        tag = tag_of(document)
        if is_known(request, tag):
            return Response(status_code=304, headers={"etag": tag})
        answer: JSONResponse = success(document)
        answer.headers["etag"] = tag
        return answer


class WaitingRoute(DirectRoute):
    """Calls a synchronous endpoint that returns `Polled`; what it found is told at once or when it changes."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            wait_s = _wait_s(request)
            call = partial(endpoint, request, **request.path_params)
            found: Polled = await to_thread.run_sync(call, limiter=request.app.state.direct)
            answer = found.answer(request)
            is_awaited = answer.status_code == 304 or ("if-none-match" not in request.headers and _is_moving(found))
            return await _new_answer(request, found, answer, wait_s) if wait_s and is_awaited else answer

        return handle


def tag_of(document: Mapping[str, Any]) -> str:
    """Return the entity tag of a clone's document."""
    settled = {name: value for name, value in document.items() if name not in _MOVING}
    return f'W/"{hashlib.sha256(json.dumps(settled).encode()).hexdigest()[:32]}"'


def is_known(request: Request, tag: str) -> bool:
    """Tell whether `If-None-Match` names the tag, by the weak comparison (RFC 9110, 13.1.2)."""
    named = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return "*" in named or tag.removeprefix("W/") in named


def _is_moving(found: Polled) -> bool:
    return not found.view.is_terminal


def _wait_s(request: Request) -> float:
    said = request.query_params.get("wait", "0")
    try:
        wait_s = float(said)
    except ValueError:
        wait_s = math.nan
    if not 0 <= wait_s <= LONGEST_S:
        raise InvalidField(f"'wait' is {said[:40]!r}; it takes seconds from 0 to {LONGEST_S}.", field="wait")
    return wait_s


async def _new_answer(request: Request, found: Polled, first: Response, wait_s: float) -> Response:
    """Return the answer when it differs from the first, or what it is when the time is up.

    Raises: CloneNotFound, StreamLimitExceeded, StreamsFull, DatabaseUnavailable.
    """
    feed: Feed = request.app.state.feed
    with feed.watch(found.key_id, found.view.id) as watcher:
        leaving = asyncio.create_task(end_when_left(request.receive, watcher))
        try:
            # Again, because it may have changed before it was watched.
            view = await feed.view(found.view.id)
            return await _changed(request, found, first, watcher, view, wait_s)
        finally:
            leaving.cancel()


async def _changed(
    request: Request, found: Polled, first: Response, watcher: Watcher, view: CloneView | None, wait_s: float
) -> Response:
    end_s = time.monotonic() + wait_s
    while True:
        if view is None or watcher.is_gone:
            raise not_found(found.view.id)
        answer = found.answer(request, view)
        left_s = end_s - time.monotonic()
        if answer.headers["etag"] != first.headers["etag"] or left_s <= 0 or watcher.is_over:
            return answer
        await watcher.wait(left_s)
        view = watcher.view or view
