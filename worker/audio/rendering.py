"""Write the chosen stretch of a captured recording to scratch, gated or not, and measure it.

Second half of a preparation, before the gain, which depends on what is measured here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from worker.audio.gain import TruePeakMeter
from worker.audio.levels import HighPass, frame_meter
from worker.audio.loudness import LoudnessMeter
from worker.audio.noise import estimate_snr_db
from worker.audio.scratch import Mono, Scratch

FADE_S: Final = 0.01  # where a cut goes through sound


@dataclass(frozen=True, slots=True)
class Rendering:
    """What was measured of a rendered stretch, before any gain."""

    loudness_lufs: float | None
    true_peak_dbtp: float
    snr_db: float | None


def render(blocks: Iterable[Mono], target: Scratch, *, frames: int, report: Callable[[float], None]) -> Rendering:
    """Append blocks, shape (1, frames), to `target` and measure them; `frames` is how many there will be."""
    rate_hz = target.rate_hz
    loudness, peak = LoudnessMeter(1, rate_hz), TruePeakMeter(rate_hz)
    high_pass, meter = HighPass(rate_hz), frame_meter(1, rate_hz)
    for block in blocks:
        target.append(block)
        loudness.add(block)
        peak.add(block)
        meter.add(high_pass.filter(block))
        report(target.frames / max(frames, 1))
    peak.add(np.zeros((1, 0), np.float32), is_last=True)
    return Rendering(loudness.integrated_lufs(), peak.peak_dbtp, estimate_snr_db(meter.powers()[0]))


def faded(blocks: Iterable[Mono], *, frames: int, rate_hz: int, fades_in: bool, fades_out: bool) -> Iterator[Mono]:
    """Yield the blocks, `frames` in all, with a short fade at the ends that were cut."""
    length = min(round(FADE_S * rate_hz), frames // 2)
    ramp = np.sin(np.linspace(0.0, np.pi / 2, length, dtype=np.float32)) ** 2
    position = 0
    for block in blocks:
        places = np.arange(position, position + block.shape[1])
        position += block.shape[1]
        if fades_in and places[0] < length:
            block = block * _gains(ramp, places)
        if fades_out and places[-1] >= frames - length:
            block = block * _gains(ramp, frames - 1 - places)
        yield block


def _gains(ramp: Mono, distances: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Mono:
    """Return the fade's gain at each distance, in frames, from the end that fades; one from the ramp's length on."""
    if not ramp.size:
        return np.ones(distances.size, np.float32)
    return np.where(distances < ramp.size, ramp[np.clip(distances, 0, ramp.size - 1)], np.float32(1.0))
