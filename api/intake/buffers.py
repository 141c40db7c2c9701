"""The memory of all uploads of one process: a fixed number of part buffers, handed out in the order of asking.

Buffers are made when first needed and kept for ever, because filling fresh memory costs more than hashing it. An
upload asks for one only when it has bytes to put in, and hands it back when they are stored; it never waits for a
second one to be able to free the first, so uploads cannot block each other for good.
"""

from dataclasses import dataclass
from typing import Final

import anyio

from shared.errors import StorageUnavailable
from shared.storage.protocol import PART_BYTES

MAX_WAIT_S: Final = 60.0  # longer, and the client gives up by itself


@dataclass(slots=True)
class _Share:
    """What one owner may hold, and how many hold or wait for a part of it."""

    places: anyio.Semaphore
    users: int = 0


class BufferPool:
    """`count` buffers of `buffer_bytes`, and as many threads to carry them to storage. For one event loop.

    An owner has at most three quarters of them, so that however many of one's uploads dribble, another's are taken.
    """

    def __init__(self, count: int, buffer_bytes: int = PART_BYTES, *, max_wait_s: float = MAX_WAIT_S) -> None:
        self.buffer_bytes = buffer_bytes
        self.carriers = anyio.CapacityLimiter(count)
        self._places = anyio.Semaphore(count, max_value=count)
        self._most_per_owner = max(1, count * 3 // 4)
        self._shares: dict[str, _Share] = {}
        self._owners: dict[int, str | None] = {}  # of the buffers that are out, by identity
        self._free: list[bytearray] = []
        self._max_wait_s = max_wait_s

    async def acquire(self, owner: str | None = None) -> bytearray:
        """Return a buffer of this caller's own, with anything in it; safe to cancel. Nobody's have no share to keep to.

        Raises: StorageUnavailable: when other uploads keep all of them for too long.
        """
        with anyio.move_on_after(self._max_wait_s):
            await self._take_place(owner)
            buffer = self._free.pop() if self._free else bytearray(self.buffer_bytes)
            self._owners[id(buffer)] = owner
            return buffer
        raise StorageUnavailable("Too many uploads are under way; send this one again in a moment.")

    def release(self, buffer: bytearray) -> None:
        """Take back a buffer that nobody uses any more."""
        owner = self._owners.pop(id(buffer))
        self._free.append(buffer)
        self._places.release()
        if owner is not None:
            self._shares[owner].places.release()
            self._leave(owner)

    async def _take_place(self, owner: str | None) -> None:
        """Wait for the owner's share first: whoever waits for that stands in nobody else's way."""
        if owner is None:
            await self._places.acquire()
            return
        share = self._shares.setdefault(owner, _Share(anyio.Semaphore(self._most_per_owner)))
        share.users += 1
        try:
            await share.places.acquire()
            try:
                await self._places.acquire()
            except BaseException:
                share.places.release()
                raise
        except BaseException:
            self._leave(owner)
            raise

    def _leave(self, owner: str) -> None:
        share = self._shares[owner]
        share.users -= 1
        if not share.users:
            del self._shares[owner]
