"""Bring a recording to the loudness that vendors ask for, by one factor for all of it.

No compressor and no limiter: both change the voice. Where the factor would push a peak too high, the peak decides and
the recording stays a little quieter.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from worker.audio.decibels import amplitude_to_db

TARGET_LUFS: Final = -20.0  # the middle of what ElevenLabs asks for, -23 to -18 dB RMS (docs, read 2026-11)
MAX_TRUE_PEAK_DBTP: Final = -3.0  # the same page
OVERSAMPLING: Final = 4  # BS.1770-4, annex 2: at 48 kHz this misses peaks by 0.6 dB at the most


class TruePeakMeter:
    """The peak of the waveform between the samples, of a mono stream; sample peaks may lie 3 dB under it."""

    def __init__(self, rate_hz: int) -> None:
        self._oversampler = soxr.ResampleStream(rate_hz, OVERSAMPLING * rate_hz, 1, dtype="float32", quality="MQ")
        self._peak = 0.0

    def add(self, block: npt.NDArray[np.float32], *, is_last: bool = False) -> None:
        """Take the next block, shape (1, frames); the last one flushes the oversampler."""
        fine = self._oversampler.resample_chunk(np.ascontiguousarray(block[0]), last=is_last)
        for samples in (fine, block[0]):
            if samples.size:
                self._peak = max(self._peak, float(samples.max()), -float(samples.min()))

    @property
    def peak_dbtp(self) -> float:
        return amplitude_to_db(self._peak)


def plan_gain_db(loudness_lufs: float | None, true_peak_dbtp: float) -> float:
    """Return the gain that brings a recording to the target loudness without passing the true peak limit.

    Zero for a recording whose loudness cannot be measured, unless its peaks are too high.
    """
    wanted_db = 0.0 if loudness_lufs is None else TARGET_LUFS - loudness_lufs
    return min(wanted_db, MAX_TRUE_PEAK_DBTP - true_peak_dbtp)
