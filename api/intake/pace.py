"""The patience for slow clients: bytes on the way in, watched for a minimum rate.

Only time spent waiting for the client counts, never the time that storage takes.
"""

import math
from collections import deque
from collections.abc import AsyncIterator
from typing import Self

import anyio
from typing_extensions import override

from shared.errors import UploadTimeout

KIB = 1024
_STEPS = 64  # that a window is counted in, so that many small chunks cost no more memory than a few large ones


class PacedStream(AsyncIterator[bytes]):
    """Passes chunks on and counts them; gives up on a client that is too slow.

    The clock is the time that the client was waited for. From `window_s` on, the bytes of each `window_s` of it must
    come to `min_rate_bytes_s` on average: so a stall may last the window, and what came before it counts no longer.
    Raises: UploadTimeout.
    """

    def __init__(self, chunks: AsyncIterator[bytes], *, min_rate_bytes_s: int, window_s: float) -> None:
        self.received_bytes = 0
        self._chunks = chunks
        self._min_rate_bytes_s = min_rate_bytes_s
        self._window_s = window_s
        self._waited_s = 0.0
        self._steps: deque[tuple[float, int]] = deque()  # when a step of the window ended, and what came in it
        self._window_bytes = 0

    @override
    def __aiter__(self) -> Self:
        return self

    @override
    async def __anext__(self) -> bytes:
        began_s = anyio.current_time()
        with anyio.move_on_after(self._patience_s()):
            chunk = await anext(self._chunks)
            self.received_bytes += len(chunk)
            if self._min_rate_bytes_s:
                self._waited_s += anyio.current_time() - began_s
                self._count(len(chunk))
            return chunk
        raise UploadTimeout(
            f"After {self.received_bytes} bytes the upload stalled, or stayed below {self._min_rate_bytes_s / KIB:g} "
            f"KiB/s on average over {self._window_s:g} seconds. Send it again over a better connection."
        )

    def _count(self, size_bytes: int) -> None:
        step_s = self._window_s / _STEPS
        ends_s = (self._waited_s // step_s + 1) * step_s
        if self._steps and self._steps[-1][0] >= ends_s:
            ends_s, before_bytes = self._steps.pop()
            self._steps.append((ends_s, before_bytes + size_bytes))
        else:
            self._steps.append((ends_s, size_bytes))
        self._window_bytes += size_bytes

    def _patience_s(self) -> float:
        """Return how long the next byte may take until the average of the last window is too low."""
        if not self._min_rate_bytes_s:
            return math.inf
        least_bytes = self._min_rate_bytes_s * self._window_s
        given_up_at_s = self._window_s
        while self._steps and (
            self._window_bytes >= least_bytes or self._steps[0][0] + self._window_s <= self._waited_s
        ):
            ended_s, size_bytes = self._steps[0]
            if self._window_bytes - size_bytes < least_bytes and ended_s + self._window_s > self._waited_s:
                given_up_at_s = ended_s + self._window_s
                break
            self._steps.popleft()
            self._window_bytes -= size_bytes
        return max(0.0, given_up_at_s - self._waited_s)
