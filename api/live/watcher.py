"""Somebody who waits for news of one clone, and what was handed to them so far."""

import asyncio
from collections import deque

from shared.events import EventLine
from shared.sightings import Fresh
from shared.views import CloneView


class Watcher:
    """One stream or one waiting poll. Used in the event loop alone.

    Attributes:
        clone_id: The clone that is watched.
        view: It as it was when it last changed; None until it did.
        is_gone: It was deleted.
        is_over: Nothing more is to be waited for: the client left, or this process is about to end.
    """

    def __init__(self, clone_id: str) -> None:
        self.clone_id = clone_id
        self.view: CloneView | None = None
        self.is_gone = False
        self.is_over = False
        self._lines: deque[EventLine] = deque()
        self._woken = asyncio.Event()

    def tell(self, news: Fresh | None) -> None:
        """Hand over what is new; None: the clone is gone."""
        if news is None:
            self.is_gone = True
        else:
            self.view = news.view
            self._lines.extend(news.lines)
        self._woken.set()

    def end(self) -> None:
        """Let it stop waiting."""
        self.is_over = True
        self._woken.set()

    def lines_after(self, seq: int) -> list[EventLine]:
        """Take the lines that were handed over, as far as they follow on `seq` without a hole; the rest is dropped."""
        found: list[EventLine] = []
        for line in self._lines:
            if line.seq == seq + 1 + len(found):
                found.append(line)
        self._lines.clear()
        return found

    async def wait(self, timeout_s: float) -> bool:
        """Wait for news or an end; return whether there was one. What came since the last wait counts."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True
