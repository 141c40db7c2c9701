"""How much of a recording is speech, and how much beside it is as loud. A pure function of tracks."""

from dataclasses import dataclass
from typing import Final

from worker.audio.decibels import power_to_db
from worker.audio.tracks import NOTHING_DB, WINDOW_S, Tracks

# What sounds at most this much weaker than the voice is beside it; what is weaker is under it, such as the noise that
# is heard in a pause at 10 dB SNR. So long pauses do not count, and music, which is nowhere quiet, does.
BESIDE_DB: Final = 6.0


@dataclass(frozen=True, slots=True)
class Speaking:
    """How much speech there is. `share` is speech in all that is about as loud as the voice or louder.

    Pauses do not lower the share. Where nothing was listened to it is 1 if there is any speech, for level knows no
    other sound.
    """

    duration_s: float
    share: float


def speaking(tracks: Tracks) -> Speaking:
    """Return how much of the tracks is speech."""
    spoken = tracks.spoken
    if not spoken.any():
        return Speaking(0.0, 0.0)
    powers = 10 ** (tracks.levels_db / 10)
    beside_db = power_to_db(float(powers[spoken].mean())) - BESIDE_DB
    beside = tracks.levels_db >= max(beside_db, NOTHING_DB)
    share = float((spoken & beside).sum() / max(beside.sum(), 1))
    return Speaking(round(float(spoken.sum()) * WINDOW_S, 2), round(share, 3))
