"""How strong a recording is: its peak, its mean square and its offset, and what brings it to a usual level.

Streaming: a block at a time, any number of rows (signals) beside each other. It must not decide what is speech.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

# What hears speech misses words in quieter recordings than this, from 15 dB less on, and what lies under -100 dB is
# taken for digital silence: so a quiet recording is listened to as if it had been made as loud as others are (2026-11).
QUIET_DB: Final = -30.0
USUAL_DB: Final = -20.0
REACHED_SHARE: Final = 0.05  # of a recording is as loud as its level says, ...
REACHED_HOPS: Final = 10  # ... but no more than so many tenths of a second, for somebody may speak seldom


def listening_gain(powers: npt.NDArray[np.floating]) -> float:
    """Return the factor that brings a quiet recording to a usual level; 1 for all others.

    Args:
        powers: Mean square of every tenth of a second, shape (hops,).
    """
    rank = min(int(REACHED_SHARE * powers.size), REACHED_HOPS)
    reached = float(np.sort(powers)[-1 - rank]) if powers.size else 0.0
    if reached <= 0.0 or reached >= 10 ** (QUIET_DB / 10):
        return 1.0
    return float(np.sqrt(10 ** (USUAL_DB / 10) / reached))


class LevelMeter:
    """Peak, mean square and mean of each row."""

    def __init__(self, rows: int) -> None:
        self._peaks = np.zeros(rows)
        self._sums = np.zeros(rows)
        self._square_sums = np.zeros(rows)
        self._frames = 0

    def add(self, block: npt.NDArray[np.floating]) -> None:
        """Take the next block, shape (rows, frames)."""
        self._peaks = np.maximum(self._peaks, np.maximum(block.max(axis=1), -block.min(axis=1)))
        self._sums += block.sum(axis=1)  # numpy adds in pairs, and einsum in parts: float32 is enough for a block
        self._square_sums += np.einsum("rf,rf->r", block, block)
        self._frames += block.shape[1]

    def peak(self, row: int) -> float:
        """Return the largest magnitude."""
        return float(self._peaks[row])

    def offset(self, row: int) -> float:
        """Return the mean value (DC)."""
        return float(self._sums[row] / max(self._frames, 1))

    def power(self, row: int) -> float:
        """Return the mean square around the mean value."""
        return max(float(self._square_sums[row] / max(self._frames, 1)) - self.offset(row) ** 2, 0.0)
