"""How far the voice stands above the noise, estimated from the powers of a recording's 10 ms frames.

A loud frame (95th percentile) is speech, a quiet one (10th) is noise; their distance, less what lies between a loud
frame and the mean of speech, is the estimate. On five real voices with pink and motor noise at 10 to 30 dB it was right
within 2 dB (2026-11). Babble and other voices read up to 8 dB too high, speech without any pause too low.
"""

from typing import Final

import numpy as np

from worker.audio.decibels import powers_to_db
from worker.audio.hops import Powers

LOUD_PERCENTILE: Final = 95.0
QUIET_PERCENTILE: Final = 10.0
LOUD_ABOVE_MEAN_DB: Final = 4.5  # measured: P95 of 10 ms frames over the mean of speech, and P10 under that of noise
MIN_FRAMES: Final = 50  # half a second of sound
SNR_RANGE_DB: Final = (-10.0, 60.0)


def estimate_snr_db(powers: Powers) -> float | None:
    """Estimate the signal-to-noise ratio.

    Args:
        powers: Mean square of every 10 ms after the high-pass, shape (frames,). Frames of digital silence are left
            out: they are an editor's work and say nothing of the room.

    Returns:
        Decibels, -10 to 60; None when there is too little sound to tell.
    """
    sounding = powers[powers > 0]
    if sounding.size < MIN_FRAMES:
        return None
    quiet_db, loud_db = np.percentile(powers_to_db(sounding), [QUIET_PERCENTILE, LOUD_PERCENTILE])
    return float(np.clip(loud_db - quiet_db - LOUD_ABOVE_MEAN_DB, *SNR_RANGE_DB))
