"""Reading recordings and spoiling them in known ways. Deterministic: every random choice has a seed."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from scipy.signal import butter, fftconvolve, sosfilt

JUDGED_HZ: Final = 16_000  # what wide-band PESQ and the voice model hear
PEAK: Final = 0.89  # -1 dBFS

Mono = npt.NDArray[np.float64]


def load(path: Path) -> tuple[Mono, int]:
    """Return a recording as mono in its own rate."""
    samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    return np.asarray(samples.mean(axis=1)), rate_hz


def load_at(path: Path, rate_hz: int) -> Mono:
    samples, own_hz = load(path)
    return at(samples, own_hz, rate_hz)


def at(samples: npt.NDArray[np.floating], own_hz: int, rate_hz: int) -> Mono:
    if own_hz == rate_hz:
        return np.asarray(samples, np.float64)
    return np.asarray(soxr.resample(np.asarray(samples, np.float64), own_hz, rate_hz))


def save(path: Path, samples: Mono, rate_hz: int) -> None:
    """Write 16-bit WAV; the caller sees to it that nothing clips that should not."""
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")


def cut(samples: Mono, rate_hz: int, spans_s: tuple[tuple[float, float], ...]) -> Mono:
    """Return stretches of a signal, joined."""
    return np.concatenate([samples[round(a * rate_hz) : round(b * rate_hz)] for a, b in spans_s])


def looped(samples: Mono, frames: int, *, start: int = 0) -> Mono:
    return np.resize(np.roll(samples, -(start % max(samples.size, 1))), frames)


def mixture(speech: Mono, noise: Mono, snr_db: float) -> tuple[Mono, Mono]:
    """Return speech in noise, and the speech at the same gain. The SNR is of the mean powers of the whole."""
    floor = looped(noise, speech.size)
    ratio = np.square(speech).mean() / max(np.square(floor).mean(), 1e-12)
    mixed = speech + floor * np.sqrt(ratio / 10 ** (snr_db / 10))
    gain = min(1.0, PEAK / max(np.abs(mixed).max(), 1e-9))
    return mixed * gain, speech * gain


def pink(frames: int, seed: int) -> Mono:
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(frames))
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.size), 1))
    return np.fft.irfft(spectrum, frames)


def clipped(samples: Mono, share: float) -> Mono:
    """Cut off the loudest samples, so many that `share` of all are flat; the tops end at full scale."""
    limit = float(np.quantile(np.abs(samples), 1 - share))
    return np.asarray(np.clip(samples / max(limit, 1e-9), -1.0, 1.0))


def telephone(samples: Mono, rate_hz: int) -> tuple[Mono, int]:
    """Return what a call leaves of it, raised to 48 kHz again, and that rate."""
    narrow = at(samples, rate_hz, 8_000)
    band = butter(4, (300, 3_400), "bandpass", fs=8_000, output="sos")
    coded = np.clip(sosfilt(band, narrow), -1, 1)
    companded = np.round(np.sign(coded) * np.log1p(255 * np.abs(coded)) / np.log(256) * 127) / 127
    return at(np.sign(companded) * np.expm1(np.abs(companded) * np.log(256)) / 255, 8_000, 48_000), 48_000


def echoing(samples: Mono, rate_hz: int, *, decay_s: float = 0.7, direct_db: float = 0.0, seed: int = 7) -> Mono:
    """Put it into a room: noise that decays by 60 dB in `decay_s`, from 5 ms after the direct sound on.

    `direct_db` is the direct sound by all that follows.
    """
    times = np.arange(round(1.2 * decay_s * rate_hz)) / rate_hz
    tail = np.random.default_rng(seed).standard_normal(times.size) * 10 ** (-3 * times / decay_s)
    tail[: round(0.005 * rate_hz)] = 0.0
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.square(tail).sum())
    tail[0] = 1.0
    wet = np.asarray(fftconvolve(samples, tail)[: samples.size])
    return wet * float(PEAK / max(np.abs(wet).max(), 1e-9))


def levels_db(samples: Mono, rate_hz: int, frame_s: float = 0.02) -> Mono:
    """Return the power of each frame in dB."""
    frame = round(frame_s * rate_hz)
    count = samples.size // frame
    powers = np.square(samples[: count * frame].reshape(count, frame)).mean(axis=1)
    return np.asarray(10 * np.log10(powers + 1e-12))
