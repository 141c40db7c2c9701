"""The outline of a recording for drawing: of equal stretches of time, the lowest and the highest point.

Streaming, for any length that is unknown in advance: when the table is full, neighbours are joined and stretches last
twice as long. So between 500 and 1,000 stretches come out, but for recordings of fewer than 500 samples. It must not
filter or scale: what is drawn is what is there.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAX_BUCKETS: Final = 1_000  # even, so that a full table folds without a rest
FULL_SCALE: Final = 127


@dataclass(frozen=True, slots=True)
class Peaks:
    """The [lowest, highest] point of every stretch, -127 to 127; the last stretch may be shorter than the others."""

    pairs: tuple[tuple[int, int], ...]

    def to_json(self) -> list[list[int]]:
        """Return the pairs as JSON values."""
        return [list(pair) for pair in self.pairs]

    @classmethod
    def from_json(cls, stored: Any) -> "Peaks":
        """Read back what `to_json` returned. Raises: TypeError, ValueError."""
        return cls(tuple((int(low), int(high)) for low, high in stored))


class PeakMeter:
    """Collects the outline of every row (signal) of a stream."""

    def __init__(self, rows: int) -> None:
        self._lows = np.zeros((rows, MAX_BUCKETS), np.float32)
        self._highs = np.zeros((rows, MAX_BUCKETS), np.float32)
        self._frames_each = 1
        self._full = 0  # complete stretches
        self._begun = 0  # frames in the one after them

    def add(self, block: npt.NDArray[np.floating]) -> None:
        """Take the next block, shape (rows, frames)."""
        start, frames = 0, block.shape[1]
        while start < frames:
            if self._full == MAX_BUCKETS:
                self._fold()
            whole = min((frames - start) // self._frames_each, MAX_BUCKETS - self._full)
            if self._begun or not whole:
                taken = min(self._frames_each - self._begun, frames - start)
                self._extend(block[:, start : start + taken])
            else:
                taken = whole * self._frames_each
                stretches = block[:, start : start + taken].reshape(block.shape[0], whole, self._frames_each)
                self._lows[:, self._full : self._full + whole] = stretches.min(axis=2)
                self._highs[:, self._full : self._full + whole] = stretches.max(axis=2)
                self._full += whole
            start += taken

    def peaks(self, row: int = 0, *, offset: float = 0.0) -> Peaks:
        """Return one row's outline, less its offset (DC)."""
        count = self._full + (self._begun > 0)
        table = np.stack((self._lows[row, :count], self._highs[row, :count]), axis=1) - offset
        scaled = np.rint(np.clip(table, -1.0, 1.0) * FULL_SCALE).astype(int)
        return Peaks(tuple((low, high) for low, high in scaled.tolist()))

    def _extend(self, part: npt.NDArray[np.floating]) -> None:
        """Add frames to the stretch that is not complete."""
        at = self._full
        lows, highs = part.min(axis=1), part.max(axis=1)
        self._lows[:, at] = np.minimum(self._lows[:, at], lows) if self._begun else lows
        self._highs[:, at] = np.maximum(self._highs[:, at], highs) if self._begun else highs
        self._begun += part.shape[1]
        if self._begun == self._frames_each:
            self._full, self._begun = at + 1, 0

    def _fold(self) -> None:
        """Join neighbours. A full table has no stretch that is not complete."""
        half = MAX_BUCKETS // 2
        self._lows[:, :half] = np.minimum(self._lows[:, ::2], self._lows[:, 1::2])
        self._highs[:, :half] = np.maximum(self._highs[:, ::2], self._highs[:, 1::2])
        self._full, self._frames_each = half, 2 * self._frames_each
