"""The patience for slow clients: bytes on the way in, watched for a minimum rate.

Only time spent waiting for the client counts, never the time that storage takes.
"""

import math
from collections.abc import AsyncIterator
from typing import Self

import anyio
from typing_extensions import override

from shared.errors import UploadTimeout

KIB = 1024


class PacedStream(AsyncIterator[bytes]):
    """Passes chunks on and counts them; gives up on a client that is too slow.

    A client starts with `window_s` of patience. Waiting uses it up, every byte gives 1 / `min_rate_bytes_s` back, up
    to the window: so a stall may last the window, and the rate averaged over it must not stay below the minimum.
    Raises: UploadTimeout.
    """

    def __init__(self, chunks: AsyncIterator[bytes], *, min_rate_bytes_s: int, window_s: float) -> None:
        self.passed_bytes = 0  # before the chunk that was given last
        self.received_bytes = 0
        self._chunks = chunks
        self._min_rate_bytes_s = min_rate_bytes_s
        self._window_s = window_s
        self._patience_s = window_s if min_rate_bytes_s else math.inf

    @override
    def __aiter__(self) -> Self:
        return self

    @override
    async def __anext__(self) -> bytes:
        began_s = anyio.current_time()
        with anyio.move_on_after(self._patience_s):
            chunk = await anext(self._chunks)
            self.passed_bytes = self.received_bytes
            self.received_bytes += len(chunk)
            if self._min_rate_bytes_s:
                earned_s = len(chunk) / self._min_rate_bytes_s
                waited_s = anyio.current_time() - began_s
                self._patience_s = min(self._window_s, self._patience_s - waited_s + earned_s)
            return chunk
        raise UploadTimeout(
            f"After {self.received_bytes} bytes the upload stalled, or stayed below {self._min_rate_bytes_s / KIB:g} "
            f"KiB/s for {self._window_s:g} seconds. Send it again over a better connection."
        )
