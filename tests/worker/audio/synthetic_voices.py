"""Voices with known differences: a glottal pulse train through moving formants. Deterministic."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from tests.worker.audio.signals import Samples

RATE_HZ = 16_000
SYLLABLE_FRAMES = 3_200
VOWELS_HZ = (  # after Peterson and Barney, 1952
    (270, 2290, 3010),
    (390, 1990, 2550),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (440, 1020, 2240),
    (300, 870, 2240),
)


@dataclass(frozen=True)
class Speaker:
    """A voice: how fast the folds beat and how long the tract is (1 is a man's)."""

    pitch_hz: float
    formant_scale: float


LOW = Speaker(105.0, 1.0)
HIGH = Speaker(215.0, 1.2)
CHILD = Speaker(310.0, 1.45)


@cache
def say(speaker: Speaker, duration_s: float, *, seed: int = 1) -> Samples:
    """Vowels of 0.2 s in an order given by the seed, with falling pitch and a little breath, shape (frames,)."""
    random = np.random.default_rng(seed)
    frames = round(duration_s * RATE_HZ)
    times = np.arange(frames) / RATE_HZ
    pitch_hz = speaker.pitch_hz * (1.0 + 0.12 * np.sin(2 * np.pi * 0.4 * times + seed))
    phase = np.cumsum(pitch_hz / RATE_HZ)
    pulses = np.diff(np.floor(phase), prepend=0.0) + 0.002 * random.standard_normal(frames)
    voice = np.empty(frames)
    for start in range(0, frames, SYLLABLE_FRAMES):
        vowel = VOWELS_HZ[int(random.integers(len(VOWELS_HZ)))]
        voice[start : start + SYLLABLE_FRAMES] = _vowel(pulses[start : start + SYLLABLE_FRAMES], vowel, speaker)
    return np.asarray(0.06 * voice / np.sqrt(np.square(voice).mean()), np.float32)


def _vowel(pulses: npt.NDArray[np.float64], vowel_hz: tuple[int, ...], speaker: Speaker) -> npt.NDArray[np.float64]:
    sound = lfilter([1.0], [1.0, -0.96], pulses)  # the folds' -6 dB an octave
    for number, hz in enumerate((*vowel_hz, 3_500)):
        radius = np.exp(-np.pi * (60.0 + 40.0 * number) / RATE_HZ)
        pole = 2 * radius * np.cos(2 * np.pi * min(hz * speaker.formant_scale, 7_000.0) / RATE_HZ)
        sound = lfilter([1 - pole + radius**2], [1.0, -pole, radius**2], sound)
    swell = np.minimum(1.0, 4 * np.sin(np.pi * (np.arange(sound.size) + 0.5) / SYLLABLE_FRAMES))
    return np.asarray(sound * swell)
