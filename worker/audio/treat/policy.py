"""Whether a recording's noise is turned down, by what, and by how much at the most: as much as helps, and no more.

Every denoiser that was measured harms a clean voice, and a noisy one gains: the crossing lies near 30 dB.
So the cap grows with the noise. Pure; the noise is measured elsewhere, and whether the treatment helped is judged by
`worker.audio.treat.harm`.
"""

from dataclasses import dataclass
from typing import Final, Literal

from worker.audio.treat import rnnoise

# From here on nothing is done. 79 clean recordings measure 30.8 dB and more; at a true 25 dB, measured as 26 to 29, a
# cap of 8 dB still raised PESQ from 2.46 to 3.17 and the likeness of the voice from .928 to .975 (2026-11).
CLEAN_DB: Final = 28.0
POOR_DB: Final = 12.0
NOISIEST_DB: Final = 5.0

# Measured best at true ratios of 10, 15 and 20 dB were caps of 24, 18 and 12 to 15 dB, and the estimate reads 1 to 3 dB
# high there (2026-11). A line goes through them without the jumps of a table where an estimate is a decibel off.
CAP_AT_DB: Final = 20.0
CAP_THERE_DB: Final = 15.0
CAP_SLOPE: Final = 1.1
CAP_RANGE_DB: Final = (8.0, 24.0)
WISHED_CAP_DB: Final = 12.0  # at least, where somebody asks for it
GATE_CAP_DB: Final = 12.0

Method = Literal["none", "mask", "gate"]
Wish = Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True)
class Denoising:
    """What is to be tried.

    Attributes:
        method: `mask` listens with RNNoise, `gate` stands in for it; `none` leaves the recording alone.
        cap_db: The most that is taken off anything, 0 for none.
        advice: One sentence for the person who made the recording; None where there is nothing to say.
    """

    method: Method
    cap_db: float
    advice: str | None = None


def plan(snr_db: float | None, wish: Wish, *, has_mask: bool | None = None) -> Denoising:
    """Return what to try on a recording whose voice stands `snr_db` above its noise; None where that is unknown.

    `has_mask` says whether RNNoise is there; None asks this machine. What is unknown is left alone, unless denoising is
    wished for.
    """
    advice = _advice(snr_db)
    if wish == "off" or (wish == "auto" and (snr_db is None or snr_db >= CLEAN_DB)):
        return Denoising("none", 0.0, advice)
    cap_db = 0.0 if snr_db is None else _cap_db(snr_db)
    if wish == "on":
        cap_db = max(cap_db, WISHED_CAP_DB)
    if not (rnnoise.is_available() if has_mask is None else has_mask):
        return Denoising("gate", min(cap_db, GATE_CAP_DB), advice)
    return Denoising("mask", cap_db, advice)


def _cap_db(snr_db: float) -> float:
    """Return a whole number of decibels, for it is read by people."""
    lowest_db, highest_db = CAP_RANGE_DB
    wanted_db = CAP_THERE_DB + CAP_SLOPE * (CAP_AT_DB - snr_db)
    return float(round(min(max(wanted_db, lowest_db), highest_db)))


def _advice(snr_db: float | None) -> str | None:
    if snr_db is None or snr_db >= CLEAN_DB:
        return None
    if snr_db >= POOR_DB:
        return "There is noise behind the voice: switch off what hums or blows, or record in a quieter room."
    if snr_db >= NOISIEST_DB:
        return "The noise is loud: record again in a quiet room if you can, closer to the microphone."
    return "The noise is about as loud as the voice, and no treatment mends that: record again in a quiet room."
