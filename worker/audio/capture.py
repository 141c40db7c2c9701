"""Decode a recording into scratch: mono, without offset, at the rate it will keep. First half of a preparation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from worker.audio.decoder import Decoder
from worker.audio.downmix import Mix
from worker.audio.hops import Powers
from worker.audio.levels import HighPass, frame_meter
from worker.audio.progress import fraction_of
from worker.audio.scratch import Mono, Scratch
from worker.audio.stream import DecodedStream
from worker.audio.wire import DecodeLimits


@dataclass(frozen=True, slots=True)
class Capture:
    """A recording in scratch, with the power of every 10 ms of it after the high-pass, shape (frames,)."""

    scratch: Scratch
    powers: Powers


@contextmanager
def capture(
    decoder: Decoder,
    path: Path,
    *,
    filename: str,
    mix: Mix,
    rate_hz: int,
    duration_s: float,
    limits: DecodeLimits,
    folder: Path,
    report: Callable[[float], None],
) -> Iterator[Capture]:
    """Decode a file into a scratch file in `folder`, resampled to `rate_hz`, and hold that open.

    `duration_s` is what an earlier pass decoded; it serves for progress only.
    Raises: AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing.
    """
    with Scratch(folder / "capture.f32", rate_hz) as scratch:
        high_pass, meter = HighPass(rate_hz), frame_meter(1, rate_hz)
        with decoder.decode(path, filename=filename, limits=limits) as stream:
            for block in _mono(stream, mix, rate_hz):
                scratch.append(block)
                meter.add(high_pass.filter(block))
                report(fraction_of(scratch.duration_s, duration_s))
        yield Capture(scratch, meter.powers()[0])


def _mono(stream: DecodedStream, mix: Mix, rate_hz: int) -> Iterator[Mono]:
    if stream.info.rate_hz == rate_hz:
        yield from (mix.apply(block) for block in stream)
        return
    resampler = soxr.ResampleStream(stream.info.rate_hz, rate_hz, 1, dtype="float32", quality="HQ")
    for block in stream:
        yield resampler.resample_chunk(mix.apply(block)[0])[None]
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)[None]
