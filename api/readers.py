"""The patience for slow readers: who is sent more than it takes is cut off when it takes next to nothing of it.

A write waits for as long as the other side does not read, and holds its block of a recording, its connection and its
place in storage; that costs the other side nothing. So what it owes is looked at now and then.
"""

import asyncio
from typing import ClassVar, Final

from shared import log

KIB: Final = 1024
_logger = log.get(__name__)


class Reader:
    """The other side of one connection."""

    look_every_s: ClassVar[float] = 30.0
    least_bytes: ClassVar[int] = 32 * KIB  # that it takes between two looks: a line of 1 KiB/s does

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def owes(self, transport: asyncio.Transport) -> None:
        """Begin to look: there is more to be read than a buffer holds."""
        self._look_again(transport)

    def owes_nothing(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self, transport: asyncio.Transport) -> None:
        left_bytes = transport.get_write_buffer_size()
        self._timer = self._loop.call_later(self.look_every_s, self._look, transport, left_bytes)

    def _look(self, transport: asyncio.Transport, left_before_bytes: int) -> None:
        if left_before_bytes - transport.get_write_buffer_size() >= self.least_bytes:
            self._look_again(transport)
            return
        self._timer = None
        _logger.info("reader_cut_off")
        transport.abort()  # closing would wait for it to read
