"""Bring a recording to the loudness that vendors ask for, by one factor for all of it.

No compressor and no limiter: both change the voice. Where the factor would push a peak too high, the peak decides and
the recording stays a little quieter.
"""

from typing import Final

TARGET_LUFS: Final = -20.0  # the middle of what ElevenLabs asks for, -23 to -18 dB RMS (docs, read 2026-11)
MAX_TRUE_PEAK_DBTP: Final = -3.0  # the same page
MAX_PART_GAIN_DB: Final = 20.0  # more than this raises the noise of a recording beside the others


def plan_gain_db(loudness_lufs: float | None, true_peak_dbtp: float) -> float:
    """Return the gain that brings a recording to the target loudness without passing the true peak limit.

    Zero for a recording whose loudness cannot be measured, unless its peaks are too high.
    """
    wanted_db = 0.0 if loudness_lufs is None else TARGET_LUFS - loudness_lufs
    return min(wanted_db, MAX_TRUE_PEAK_DBTP - true_peak_dbtp)


def part_gain_db(loudness_lufs: float | None) -> float:
    """Return the gain that makes one of several recordings as loud as the others."""
    if loudness_lufs is None:
        return 0.0
    return min(max(TARGET_LUFS - loudness_lufs, -MAX_PART_GAIN_DB), MAX_PART_GAIN_DB)
