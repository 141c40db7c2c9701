"""How strong a recording is: its peak, its mean square and its offset.

Streaming: a block at a time, any number of rows (signals) beside each other. It must not decide what is speech.
"""

import numpy as np
import numpy.typing as npt


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
