"""A clone's history as server-sent events (WHATWG HTML, 9.2): what is there, then each line as it is written.

A client that was cut off asks again with the number of the last line it has, and gets every line once. The stream
ends with the end of what is going on with the clone, and when this process is about to end; who then comes for more
where nothing more can come is told so by a 204, after which no browser comes again.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from api.head import is_head
from api.live.feed import Feed
from api.live.watcher import Watcher
from shared import log
from shared.errors import DatabaseUnavailable
from shared.events import EventLine
from shared.keys import Caller
from shared.ownership import not_found
from shared.sightings import Fresh, fresh
from shared.views import CloneView

Shape = Callable[[EventLine], Mapping[str, Any]]
MEDIA_TYPE: Final = "text/event-stream"
_HEADERS: Final = {
    "content-type": f"{MEDIA_TYPE}; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx hands on what comes as it comes
}
_LINE_ENDS: Final = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
_ASK_AGAIN_S: Final = 1.0
_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a stream keeps alive, and how long it goes on; a key that was revoked ends with it."""

    heartbeat_s: float = 15.0  # proxies cut what is silent for a minute, some for half of that
    reconnect_ms: int = 2000
    longest_s: float = 3600.0


class EventStream(Response):
    """The lines of one clone after the number `after`, as long as there may be more, each as `shape` writes it."""

    def __init__(
        self, feed: Feed, caller: Caller, clone_id: str, after: int, shape: Shape, rhythm: Rhythm | None = None
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._feed = feed
        self._caller = caller
        self._clone_id = clone_id
        self._after = after
        self._shape = shape
        self._rhythm = rhythm or Rhythm()

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream. Raises: CloneNotFound, StreamLimitExceeded, StreamsFull, DatabaseUnavailable: before it began."""
        with self._feed.watch(self._caller.key_id, self._clone_id) as watcher:
            begin = await self._feed.read(self._read)
            if _is_over(begin.view) and self._after >= begin.view.seq:
                await Response(status_code=204)(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if not is_head(scope):
                leaving = asyncio.create_task(end_when_left(receive, watcher))
                try:
                    await self._tell(watcher, begin, send)
                finally:
                    leaving.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _read(self, connection: Connection) -> Fresh:
        """Read what comes after the last line that was told. Raises: CloneNotFound."""
        found = fresh(connection, {self._clone_id: self._after}, account_id=self._caller.account_id)
        if self._clone_id not in found:
            raise not_found(self._clone_id)
        return found[self._clone_id]

    async def _tell(self, watcher: Watcher, begin: Fresh, send: Send) -> None:
        self._after = min(self._after, begin.view.seq)
        await _write(send, f"retry: {self._rhythm.reconnect_ms}\n\n")
        await self._write_lines(send, begin.lines)
        watcher.view = watcher.view or begin.view
        end_s = time.monotonic() + self._rhythm.longest_s
        while not (watcher.is_over or watcher.is_gone or self._is_told_all(watcher)) and time.monotonic() < end_s:
            is_behind = watcher.view.seq > self._after
            was_woken = await watcher.wait(_ASK_AGAIN_S if is_behind else self._rhythm.heartbeat_s)
            if was_woken or is_behind:
                await self._write_lines(send, await self._lines(watcher))
            if not was_woken:
                await _write(send, ": \n\n")

    def _is_told_all(self, watcher: Watcher) -> bool:
        assert watcher.view is not None
        return _is_over(watcher.view) and self._after >= watcher.view.seq

    async def _lines(self, watcher: Watcher) -> list[EventLine]:
        """Return the lines that follow; those that were not handed over are read."""
        lines = watcher.lines_after(self._after)
        told = self._after + len(lines)
        if watcher.view is None or told >= watcher.view.seq:
            return lines
        with contextlib.suppress(DatabaseUnavailable):  # it is asked again
            return list((await self._feed.read(self._read)).lines)
        return lines

    async def _write_lines(self, send: Send, lines: list[EventLine] | tuple[EventLine, ...]) -> None:
        if lines:
            await _write(send, "".join(self._worded(line) for line in lines))
            self._after = lines[-1].seq

    def _worded(self, line: EventLine) -> str:
        # One line: JSON writes a line's end as \n, and what else some clients take for one is written alike.
        data = json.dumps(self._shape(line), ensure_ascii=False).translate(_LINE_ENDS)
        return f"id: {line.seq}\nevent: {line.type.value}\ndata: {data}\n\n"


def _is_over(view: CloneView) -> bool:
    """Tell whether no line can come: nothing is going on, what a cancel leaves to be removed at a vendor included."""
    return view.job_outcome is not None


async def end_when_left(receive: Receive, watcher: Watcher) -> None:
    """Let a watcher stop when its client has left; for a request whose body is of no interest."""
    while (await receive())["type"] != "http.disconnect":
        pass
    watcher.end()


async def _write(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
