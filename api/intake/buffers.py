"""The memory of all uploads of one process: a fixed number of part buffers, handed out in the order of asking.

Buffers are made when first needed and kept for ever, because filling fresh memory costs more than hashing it. An
upload asks for one only when it has bytes to put in, and hands it back when they are stored; it never waits for a
second one to be able to free the first, so uploads cannot block each other for good.
"""

from typing import Final

import anyio

from shared.errors import StorageUnavailable
from shared.storage.protocol import PART_BYTES

MAX_WAIT_S: Final = 60.0  # longer, and the client gives up by itself


class BufferPool:
    """`count` buffers of `buffer_bytes`, and as many threads to carry them to storage. For one event loop."""

    def __init__(self, count: int, buffer_bytes: int = PART_BYTES, *, max_wait_s: float = MAX_WAIT_S) -> None:
        self.buffer_bytes = buffer_bytes
        self.carriers = anyio.CapacityLimiter(count)
        self._places = anyio.Semaphore(count, max_value=count)
        self._free: list[bytearray] = []
        self._max_wait_s = max_wait_s

    async def acquire(self) -> bytearray:
        """Return a buffer of this caller's own, with anything in it; safe to cancel.

        Raises: StorageUnavailable: when other uploads keep all of them for too long.
        """
        with anyio.move_on_after(self._max_wait_s):
            await self._places.acquire()
            return self._free.pop() if self._free else bytearray(self.buffer_bytes)
        raise StorageUnavailable("Too many uploads are under way; send this one again in a moment.")

    def release(self, buffer: bytearray) -> None:
        """Take back a buffer that nobody uses any more."""
        self._free.append(buffer)
        self._places.release()
