"""Which parts of a recording are speech-like: the frames that stand well above its own floor.

By energy alone, so it holds for a voice in a quiet or steadily noisy room; a slammed door is speech to it. Everything
that cuts asks here, and cuts nothing when told that it cannot be known.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.audio.decibels import powers_to_db
from worker.audio.hops import Powers

SMOOTHING_FRAMES: Final = 5  # 50 ms: shorter than a syllable, longer than a glottal period
FLOOR_PERCENTILE: Final = 10.0
SPEECH_PERCENTILE: Final = 95.0
MARGIN_DB: Final = 6.0  # steady noise, smoothed, stays within 3 dB of its floor
SPEECH_DEPTH_DB: Final = 40.0  # what lies deeper under the speech level is not speech, however quiet the room
MIN_RANGE_DB: Final = 10.0  # less between floor and speech: the two cannot be told apart

Active = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Activity:
    """The floor, the speech level and the frames above the threshold between them.

    `levels_db` and `active` have one value per 10 ms. `is_certain` is False when speech and floor are too close.
    """

    floor_db: float
    speech_db: float
    threshold_db: float
    levels_db: npt.NDArray[np.float32]
    active: Active

    @property
    def is_certain(self) -> bool:
        return self.speech_db - self.floor_db >= MIN_RANGE_DB


def find_activity(powers: Powers) -> Activity:
    """Find the speech-like frames.

    Args:
        powers: Mean square of every 10 ms after the high-pass, shape (frames,).
    """
    kernel = np.full(SMOOTHING_FRAMES, 1 / SMOOTHING_FRAMES, np.float32)
    smooth = np.convolve(powers, kernel, "same").astype(np.float32) if powers.size >= SMOOTHING_FRAMES else powers
    levels_db = powers_to_db(smooth)
    sounding = levels_db[smooth > 0]
    if not sounding.size:
        return Activity(0.0, 0.0, 0.0, levels_db, np.zeros(levels_db.size, bool))
    floor_db, speech_db = (float(level) for level in np.percentile(sounding, [FLOOR_PERCENTILE, SPEECH_PERCENTILE]))
    threshold_db = max(floor_db + MARGIN_DB, speech_db - SPEECH_DEPTH_DB)
    return Activity(floor_db, speech_db, threshold_db, levels_db, (levels_db > threshold_db) & (smooth > 0))


def runs(flags: Active) -> list[tuple[int, int]]:
    """Return the stretches of True as (first, one past the last), in order."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(first), int(past)) for first, past in zip(edges[::2], edges[1::2], strict=True)]
