"""Find where the speech of a recording begins and ends, so that the noise before and after it can be left away.

Only the ends; pauses inside are part of how someone speaks. Trimming too little costs nothing, a cut word is heard in
the clone: the edges are padded, and where speech and noise cannot be told apart everything is kept.
"""

from dataclasses import dataclass
from typing import Final

from worker.audio.activity import Activity, runs
from worker.audio.levels import HOP_S

PAD_BEFORE_S: Final = 0.15
PAD_AFTER_S: Final = 0.20
PAD_IN_NOISE_S: Final = 0.30  # in strong noise weak sounds drown: keep more
NOISY_RANGE_DB: Final = 14.5  # speech level over floor of a recording at about 10 dB SNR
MIN_RUN_FRAMES: Final = 8  # 80 ms: a click is shorter, a syllable longer
MIN_KEPT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a recording, in seconds from its beginning."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def trim_ends(activity: Activity, duration_s: float) -> Span:
    """Return the stretch from the first to the last speech, padded; the whole recording when in doubt."""
    whole = Span(0.0, duration_s)
    if not activity.is_certain:
        return whole
    spoken = [run for run in runs(activity.active) if run[1] - run[0] >= MIN_RUN_FRAMES]
    if not spoken:
        return whole
    first, past = spoken[0][0], spoken[-1][1]
    # From the certain syllables outwards, weak sounds are kept down to half-way between threshold and floor.
    audible = activity.levels_db > (activity.threshold_db + activity.floor_db) / 2
    while first > 0 and audible[first - 1]:
        first -= 1
    while past < audible.size and audible[past]:
        past += 1
    is_noisy = activity.speech_db - activity.floor_db < NOISY_RANGE_DB
    before_s, after_s = (PAD_IN_NOISE_S, PAD_IN_NOISE_S) if is_noisy else (PAD_BEFORE_S, PAD_AFTER_S)
    kept = Span(max(0.0, first * HOP_S - before_s), min(duration_s, past * HOP_S + after_s))
    return kept if kept.duration_s >= MIN_KEPT_S else whole
