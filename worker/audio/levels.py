"""How strong a recording is: its peak, its mean square and its offset, and the power of every 10 ms of it.

Streaming: a block at a time, any number of rows (signals) beside each other. It must not decide what is speech.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.signal

from worker.audio.hops import HopPowers

HOP_S: Final = 0.01
RUMBLE_HZ: Final = 80.0  # below the lowest voices; hum, wind and desk knocks lie under it
RUMBLE_ORDER: Final = 4


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
        self._sums += block.sum(axis=1, dtype=np.float64)
        self._square_sums += np.square(block).sum(axis=1, dtype=np.float64)
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


class HighPass:
    """Removes what lies below the voice from the copy that is measured, never from the one that is kept.

    A Butterworth filter of fourth order at 80 Hz; its state goes on from block to block.
    """

    def __init__(self, rate_hz: int) -> None:
        self._sections = scipy.signal.butter(RUMBLE_ORDER, RUMBLE_HZ, "highpass", fs=rate_hz, output="sos")
        self._state: npt.NDArray[np.float64] | None = None

    def filter(self, block: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Filter the next block, shape (rows, frames); return as much, in float64."""
        if self._state is None:
            # As if the first sample had always been there: an offset must not look like a sound at the start.
            settled = scipy.signal.sosfilt_zi(self._sections)
            self._state = settled[:, None, :] * block[:, :1].astype(np.float64)[None]
        filtered, self._state = scipy.signal.sosfilt(self._sections, block, axis=1, zi=self._state)
        return np.asarray(filtered, np.float64)


def frame_meter(rows: int, rate_hz: int) -> HopPowers:
    """Return a meter for the power of every 10 ms, to be fed with what HighPass returns."""
    return HopPowers(rows, rate_hz, HOP_S)
