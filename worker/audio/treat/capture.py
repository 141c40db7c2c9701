"""Decode what is needed of a recording into scratch: mono, without offset, at the rate it will keep."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from worker.audio.files.decoder import Decoder
from worker.audio.files.stream import DecodedStream
from worker.audio.files.wire import DecodeLimits
from worker.audio.measure.downmix import Mix
from worker.audio.scratch import Mono, Scratch
from worker.audio.tracks import Span

LEAD_S: Final = 3.0  # of sound around what is needed, for whatever must get going before it


@dataclass(frozen=True, slots=True)
class Capture:
    """A stretch of a recording in scratch, which begins at `first` of the recording's frames."""

    scratch: Scratch
    first: int

    def place(self, span: Span) -> tuple[int, int]:
        """Return the scratch's frames of a stretch of the recording, as (first, one past the last)."""
        rate_hz = self.scratch.rate_hz
        start, end = round(span.start_s * rate_hz) - self.first, round(span.end_s * rate_hz) - self.first
        return max(start, 0), min(end, self.scratch.frames)


@contextmanager
def capture(
    decoder: Decoder,
    path: Path,
    *,
    filename: str,
    mix: Mix,
    rate_hz: int,
    span: Span,
    limits: DecodeLimits,
    scratch_path: Path,
    report: Callable[[float], None],
    copy: Path | None = None,
) -> Iterator[Capture]:
    """Decode a file up to the end of `span` into a scratch file, resampled to `rate_hz`, and hold that open.

    What lies before the span is decoded and dropped, for no format can be trusted to be entered in the middle; what
    comes after it is not decoded at all. Where `copy` holds what the whole recording would come to, nothing is decoded.

    Raises: AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing.
    """
    first = max(round((span.start_s - LEAD_S) * rate_hz), 0)
    past = round((span.end_s + LEAD_S) * rate_hz)
    if copy is not None:
        with Scratch.excerpt(copy, rate_hz, first, past) as excerpt:
            yield Capture(excerpt, first)
        return
    with Scratch(scratch_path, rate_hz) as scratch:
        with decoder.decode(path, filename=filename, limits=limits) as stream:
            position = 0
            for block in _mono(stream, mix, rate_hz):
                kept = block[:, max(first - position, 0) : max(past - position, 0)]
                if kept.shape[1]:
                    scratch.append(kept)
                position += block.shape[1]
                report(min(position / max(past, 1), 1.0))
                if position >= past:
                    break
        yield Capture(scratch, first)


def _mono(stream: DecodedStream, mix: Mix, rate_hz: int) -> Iterator[Mono]:
    if stream.info.rate_hz == rate_hz:
        yield from (mix.apply(block) for block in stream)
        return
    resampler = soxr.ResampleStream(stream.info.rate_hz, rate_hz, 1, dtype="float32", quality="HQ")
    for block in stream:
        yield resampler.resample_chunk(mix.apply(block)[0])[None]
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)[None]
