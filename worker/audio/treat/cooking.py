"""Make a file by its recipe: the steps that `prepare` and a later repetition have in common.

The same recordings and the same recipe give the same bytes.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from worker.audio.beside import ahead
from worker.audio.choose.planning import Cut
from worker.audio.decibels import db_to_amplitude
from worker.audio.files.decoder import Decoder
from worker.audio.files.encode import Container, encode
from worker.audio.files.wire import DecodeLimits
from worker.audio.measure.downmix import Mix
from worker.audio.measure.peaks import PeakMeter, Peaks
from worker.audio.scratch import Mono
from worker.audio.tracks import Span
from worker.audio.treat.capture import Capture, capture
from worker.audio.treat.composition import Blocks, Stretch, composed
from worker.audio.treat.recipe import Recipe
from worker.audio.treat.treatment import denoiser

Report = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Original:
    """An uploaded recording on this machine's disk, and the owner's name for it."""

    filename: str
    path: Path


@dataclass(frozen=True, slots=True)
class Ingredient:
    """The chosen stretches of one recording, ready to be put together, in the order of its cuts."""

    captured: Capture
    spans: tuple[Span, ...]
    signal: Blocks
    places: tuple[tuple[int, int], ...]
    gain_db: float


def spans_of(cuts: Sequence[Cut], part: int) -> tuple[Span, ...]:
    """Return the stretches that are taken from one part, in the order of the file."""
    return tuple(cut.span for cut in cuts if cut.part == part)


@contextmanager
def captured(
    decoder: Decoder,
    original: Original,
    *,
    mix: Mix,
    spans: Sequence[Span],
    rate_hz: int,
    limits: DecodeLimits,
    scratch_path: Path,
    report: Report,
    copy: Path | None = None,
) -> Iterator[Capture]:
    """Decode what the stretches need and hold it. Raises: AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing.

    `copy` may hold the recording as it would be decoded, mixed and resampled, and is then read instead.
    """
    whole = Span(min(span.start_s for span in spans), max(span.end_s for span in spans))
    with capture(
        decoder,
        original.path,
        filename=original.filename,
        mix=mix,
        rate_hz=rate_hz,
        span=whole,
        limits=limits,
        scratch_path=scratch_path,
        report=report,
        copy=copy,
    ) as found:
        yield found


def stretches(cuts: Sequence[Cut], ingredients: Sequence[Ingredient]) -> list[Stretch]:
    """Return where each cut is to be read, faded where it goes through the recording's sound."""
    turns = [iter(zip(each.spans, each.places, strict=True)) for each in ingredients]
    found: list[Stretch] = []
    for cut in cuts:
        each = ingredients[cut.part]
        span, (start, end) = next(turns[cut.part])
        found.append(
            Stretch(
                each.signal,
                start,
                end,
                db_to_amplitude(each.gain_db),
                fades_in=span.start_s > 0,
                fades_out=each.captured.place(span)[1] < each.captured.scratch.frames,
            )
        )
    return found


def write(blocks: Iterable[Mono], path: Path, *, container: Container, rate_hz: int, gain_db: float) -> Peaks:
    """Raise and encode a sound; return its outline."""
    peaks = PeakMeter(1)

    def raised() -> Iterator[Mono]:
        gain = np.float32(db_to_amplitude(gain_db))
        for block in blocks:
            louder = block * gain
            peaks.add(louder)
            yield louder

    with closing(ahead(raised())) as coming:
        encode(coming, path, container=container, rate_hz=rate_hz)
    return peaks.peaks()


def sha256_of(path: Path) -> str:
    with path.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def cook(
    decoder: Decoder, recipe: Recipe, originals: Mapping[str, Original], *, limits: DecodeLimits, folder: Path
) -> Path:
    """Make the file of a recipe again, in `folder`, of the `originals` by their ids; the bytes are the first time's.

    Raises: AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing, KeyError: for a recording that is not there.
    """
    with ExitStack() as held:
        ingredients: list[Ingredient] = []
        for number, part in enumerate(recipe.parts):
            spans = spans_of(recipe.cuts, number)
            found = held.enter_context(
                captured(
                    decoder,
                    originals[part.source],
                    mix=part.mix,
                    spans=spans,
                    rate_hz=recipe.rate_hz,
                    limits=limits,
                    scratch_path=folder / f"part-{number}.f32",
                    report=_ignored,
                )
            )
            signal: Blocks = found.scratch
            if part.denoise != "none":
                signal = denoiser(part.denoise, part.cap_db, found.scratch)
            places = tuple(found.place(span) for span in spans)
            ingredients.append(Ingredient(found, spans, signal, places, part.gain_db))
        blocks = composed(stretches(recipe.cuts, ingredients), recipe.rate_hz, _ignored)
        path = folder / f"cooked.{recipe.container}"
        write(blocks, path, container=recipe.container, rate_hz=recipe.rate_hz, gain_db=recipe.gain_db)
    return path


def _ignored(_fraction: float) -> None:
    """Report to nobody."""
