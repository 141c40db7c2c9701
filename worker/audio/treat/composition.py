"""Put the stretches of a file together, in order, and measure what comes out; the gain depends on that."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from worker.audio.measure.sound import Sound, SoundMeter
from worker.audio.scratch import Mono

FADE_S: Final = 0.01  # where a cut goes through sound


class Blocks(Protocol):
    """Anything that gives out samples of one recording: scratch, or a denoiser over it."""

    def blocks(self, start: int, end: int) -> Iterator[Mono]: ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of a signal, and the factor for them. The fades are for ends that were cut."""

    signal: Blocks
    start: int
    end: int
    gain: float
    fades_in: bool
    fades_out: bool

    @property
    def frames(self) -> int:
        return self.end - self.start


def composed(stretches: Sequence[Stretch], rate_hz: int, report: Callable[[float], None]) -> Iterator[Mono]:
    """Yield the sound of all stretches in order, shape (1, frames); it can be gone through as often as is wanted."""
    total, done = sum(stretch.frames for stretch in stretches), 0
    for stretch in stretches:
        for block in _faded(stretch, round(FADE_S * rate_hz)):
            yield block
            done += block.shape[1]
            report(done / total)


def measured(blocks: Iterable[Mono], rate_hz: int) -> Sound:
    """Return what is measured of a sound at its own rate."""
    meter = SoundMeter(rate_hz)
    for block in blocks:
        meter.add(block)
    return meter.result()


def _faded(stretch: Stretch, fade_frames: int) -> Iterator[Mono]:
    length = min(fade_frames, stretch.frames // 2)
    ramp = np.sin(np.linspace(0.0, np.pi / 2, length, dtype=np.float32)) ** 2
    position = 0
    for block in stretch.signal.blocks(stretch.start, stretch.end):
        places = np.arange(position, position + block.shape[1])
        position += block.shape[1]
        block = block * np.float32(stretch.gain)
        if stretch.fades_in and places[0] < length:
            block *= _gains(ramp, places)
        if stretch.fades_out and places[-1] >= stretch.frames - length:
            block *= _gains(ramp, stretch.frames - 1 - places)
        yield block


def _gains(ramp: Mono, distances: npt.NDArray[np.int64]) -> Mono:
    """Return the fade's gain at each distance, in frames, from the end that fades; one from the ramp's length on."""
    if not ramp.size:
        return np.ones(distances.size, np.float32)
    return np.where(
        (distances >= 0) & (distances < ramp.size), ramp[np.clip(distances, 0, ramp.size - 1)], np.float32(1.0)
    )
