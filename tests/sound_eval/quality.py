"""How good a sound is against its clean reference: PESQ (wide-band), STOI, likeness of the voice. All at 16 kHz."""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.signal import correlate

from tests.sound_eval.signals import JUDGED_HZ, Mono
from tests.sound_eval.voice import similarity

WORSE_PESQ: Final = 0.05
WORSE_SIMILARITY: Final = 0.01
LOOK_S: Final = 0.05  # how far two signals may be shifted against each other


@dataclass(frozen=True, slots=True)
class Score:
    """PESQ 1 to 4.64, STOI 0 to 1, cosine of the voices -1 to 1."""

    pesq: float
    stoi: float
    similarity: float

    def is_worse_than(self, other: "Score") -> bool:
        """Tell whether this is worse in both at once, by more than counts as noise."""
        lost = other.similarity - self.similarity
        return other.pesq - self.pesq > WORSE_PESQ and lost > WORSE_SIMILARITY


def score(reference: Mono, degraded: Mono) -> Score:
    """Score a signal of the same length, delay and gain as its reference, but for a rounding each."""
    from pesq import pesq
    from pystoi import stoi

    reference, degraded = aligned(reference, degraded)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Score(
            float(pesq(JUDGED_HZ, reference, degraded, "wb")),
            float(stoi(reference, degraded, JUDGED_HZ)),
            similarity(reference, degraded),
        )


def aligned(reference: Mono, degraded: Mono) -> tuple[Mono, Mono]:
    """Return both without what one of them has more at either end, shifted to where they fit best."""
    look = round(LOOK_S * JUDGED_HZ)
    length = min(reference.size, degraded.size, 10 * JUDGED_HZ)
    products = correlate(degraded[:length], reference[:length], method="fft")
    middle = length - 1
    shift = int(np.argmax(products[middle - look : middle + look + 1])) - look
    reference, degraded = reference[max(-shift, 0) :], degraded[max(shift, 0) :]
    frames = min(reference.size, degraded.size)
    return reference[:frames], degraded[:frames]
