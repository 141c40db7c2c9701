"""Do no harm: whether a treatment is kept, or the recording goes out as it came.

The same moments are compared before and after: in the quiet ones the noise has to have gone down by enough to be worth
it, the loud ones, which are the voice, must not have gone down with it, the speech has to be found again, and the voice
has to be the same voice. A network that takes the voice for noise, because other voices are the noise, shows at once.
Pure; it knows nothing of how a treatment works.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from worker.audio.measure.snr import estimate_snr
from worker.audio.tracks import NOTHING_DB, Flags, Tracks

# Of 47 treated mixtures of 7 voices and 8 noises, three came out with less of the voice: they had gains of -7 to -3 dB
# and voices that went down by 17 to 21 dB. The others had 4 dB and more, and voices that lost 6 dB at most (2026-11).
MIN_GAIN_DB: Final = 3.0
MAX_VOICE_LOSS_DB: Final = 8.0
MAX_SPEECH_LOST: Final = 0.15  # of the whole; voices in the background count as speech before, and shall go
# Cosine of voiceprints. Noise itself makes a voice unlike: at 10 dB it is at .77 of the clean one. So cleaning it must
# change it, and treatments that brought it nearer to the clean one measured from .62 (at 11 dB) to .97.
MIN_VOICE_KEPT: Final = 0.80
VOICE_KEPT_AT_DB: Final = 20.0
VOICE_KEPT_PER_DB: Final = 0.02
LEAST_VOICE_KEPT: Final = 0.50

QUIET_PERCENTILE: Final = 15.0
LOUD_PERCENTILE: Final = 95.0
LOUD_DEPTH_DB: Final = 6.0
MIN_WINDOWS: Final = 16  # half a second
SILENT_DB: Final = NOTHING_DB + 1.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a treatment.

    Attributes:
        helped: Whether it is kept.
        reason: One sentence in plain words for the report.
        snr_gain_db: By how much more the quiet moments went down than the loud ones; None where nothing sounds.
        speech_share_change: Share of speech in the whole after, less that before, -1 to 1.
        voice_kept: How alike the voice is, 0 to 1; None where there was too little speech to compare.
    """

    helped: bool
    reason: str
    snr_gain_db: float | None
    speech_share_change: float
    voice_kept: float | None


def judge(before: Tracks, after: Tracks, voice_kept: float | None) -> Judgement:
    """Judge a treatment by the moments of the same sound before and after it, which lie at the same places.

    `voice_kept` is the cosine of the mean voiceprints of its speech; None, where there was too little to compare, does
    not speak against the treatment.
    """
    lost = _share(before.spoken) - _share(after.spoken)
    losses = _losses_db(before, after)
    gain_db = None if losses is None else losses[0] - losses[1]
    reason = _objection(losses, lost, voice_kept, _least_voice_kept(before))
    if reason is None:
        kept = f"Noise was removed: in the quiet moments it is {gain_db:.0f} dB lower than before."
        return Judgement(True, kept, gain_db, -lost, voice_kept)
    return Judgement(False, f"{reason}, so it is sent as it was recorded.", gain_db, -lost, voice_kept)


def _objection(
    losses: tuple[float, float] | None, lost: float, voice_kept: float | None, least_kept: float
) -> str | None:
    """Return the first part of a sentence that says what speaks against the treatment; None where nothing does."""
    if losses is None:
        return "Whether less noise would help this recording could not be measured"
    quiet_db, loud_db = losses
    if loud_db > MAX_VOICE_LOSS_DB:
        return f"Removing the noise took the voice down with it, by {loud_db:.0f} dB"
    if quiet_db - loud_db < MIN_GAIN_DB:
        gained = f"by {quiet_db - loud_db:.1f} dB only" if quiet_db - loud_db >= 0.1 else "not at all"
        return f"The noise could be turned down {gained}, which is not worth the change"
    if lost > MAX_SPEECH_LOST:
        return f"Removing the noise took words with it ({lost:.0%} less speech was found)"
    if voice_kept is not None and voice_kept < least_kept:
        return f"Removing the noise changed the voice (likeness {voice_kept:.2f}, at least {least_kept:.2f} is needed)"
    return None


def _least_voice_kept(before: Tracks) -> float:
    """Return how alike the voice has to be: less so, the noisier it was."""
    snr_db = estimate_snr(before).snr_db
    if snr_db is None:
        return MIN_VOICE_KEPT
    least = MIN_VOICE_KEPT - VOICE_KEPT_PER_DB * max(VOICE_KEPT_AT_DB - snr_db, 0.0)
    return max(least, LEAST_VOICE_KEPT)


def _losses_db(before: Tracks, after: Tracks) -> tuple[float, float] | None:
    """Return by how much the quiet and the loud moments of the recording went down."""
    windows = min(before.windows, after.windows)  # resampling can cost or bring one
    was_db, is_db = before.levels_db[:windows], after.levels_db[:windows]
    sounding = was_db > SILENT_DB
    if sounding.sum() < MIN_WINDOWS:
        return None
    low_db, high_db = np.percentile(was_db[sounding], [QUIET_PERCENTILE, LOUD_PERCENTILE])
    down_db = (was_db - is_db).astype(np.float64)
    return (
        float(down_db[sounding & (was_db <= low_db)].mean()),
        float(down_db[sounding & (was_db >= high_db - LOUD_DEPTH_DB)].mean()),
    )


def _share(spoken: Flags) -> float:
    return float(np.mean(spoken)) if spoken.size else 0.0
