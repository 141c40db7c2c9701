"""Speech by level alone, for moments that no model has heard: what stands well above the recording's own floor.

It holds for a voice in a quiet or steadily noisy room; a slammed door is speech to it, and so is music.
"""

from typing import Final

import numpy as np

from worker.audio.tracks import NOTHING_DB, Flags, Track

FLOOR_PERCENTILE: Final = 10.0
SPEECH_PERCENTILE: Final = 95.0
MARGIN_DB: Final = 6.0  # steady noise stays within 3 dB of its floor
SPEECH_DEPTH_DB: Final = 40.0  # what lies deeper under the speech level is not speech, however quiet the room


def likely_speech(levels_db: Track) -> Track:
    """Return 1 where a window stands out of the floor and 0 elsewhere, shape (windows,)."""
    sounding = levels_db[levels_db > NOTHING_DB]
    if not sounding.size:
        return np.zeros(levels_db.size, np.float32)
    floor_db, speech_db = np.percentile(sounding, [FLOOR_PERCENTILE, SPEECH_PERCENTILE])
    threshold_db = max(floor_db + MARGIN_DB, speech_db - SPEECH_DEPTH_DB)
    return np.asarray((levels_db > threshold_db) & (levels_db > NOTHING_DB), np.float32)


def fill(levels_db: Track, heard: Track, listened: Flags) -> Track:
    """Return the likelihood of speech of every window: as heard where it was, by level elsewhere.

    Where the model heard at least some speech, the level that tells best what it took for speech decides.
    """
    if listened.all():
        return heard
    spoken = levels_db[listened & (heard >= 0.5)]
    if spoken.size and (rest := levels_db[listened & (heard < 0.5)]).size:
        threshold_db = float(np.percentile(spoken, 20.0) + np.percentile(rest, 80.0)) / 2
        by_level = np.asarray(levels_db > max(threshold_db, NOTHING_DB), np.float32)
    elif listened.any():
        by_level = np.full(levels_db.size, float(spoken.size > 0), np.float32)
    else:
        by_level = likely_speech(levels_db)
    return np.where(listened, heard, by_level).astype(np.float32)
