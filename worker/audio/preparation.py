"""Make of recordings what an engine wants to hear: mono, trimmed, quiet, at the right loudness, within its limits.

What `prepare` calls. The originals are only read. The work goes through scratch files in the caller's folder, so memory
does not grow with length; they are gone afterwards, whatever happens. The same input gives the same bytes.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from worker.audio.choose.planning import Cut, FilePlan, Target, plan
from worker.audio.files.decoder import Decoder
from worker.audio.files.wire import DecodeLimits
from worker.audio.measure import rota
from worker.audio.measure.hops import Powers
from worker.audio.measure.loudness import LoudnessMeter, steps_of
from worker.audio.measure.measures import Measures, measure, with_sound
from worker.audio.measure.snr import estimate_snr
from worker.audio.progress import Advance, Progress
from worker.audio.scratch import Scratch, holds
from worker.audio.tracks import Tracks, join
from worker.audio.treat.composition import composed, measured
from worker.audio.treat.cooking import Ingredient, Original, captured, sha256_of, spans_of, stretches, write
from worker.audio.treat.gain import part_gain_db, plan_gain_db
from worker.audio.treat.policy import plan as plan_denoising
from worker.audio.treat.portions import noisy_ones, snr_of
from worker.audio.treat.prepared import Note, Prepared, Source, Wish
from worker.audio.treat.recipe import Part, Recipe
from worker.audio.treat.treatment import Treated, treat

__all__ = ["Prepared", "Source", "Target", "Wish", "prepare"]

# Of the making of one file, for progress: until its parts are there, until they are treated, until they are composed.
CAPTURED, TREATED, COMPOSED, WRITTEN = 0.5, 0.8, 0.9, 0.99


def prepare(
    decoder: Decoder,
    sources: Sequence[Source],
    *,
    target: Target,
    wish: Wish,
    limits: DecodeLimits,
    folder: Path,
    progress: Progress,
) -> tuple[Prepared, ...]:
    """Prepare recordings for an engine; the results lie in `folder` under names made of their hashes.

    `progress` gets fractions from 0 to 1; what it raises goes through, after everything has been tidied up.

    Raises: AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing.
    """
    advance = Advance(progress)
    files = plan([source.examination for source in sources], target, trims=wish.trim == "auto")
    total_s = sum(file.duration_s for file in files)
    begun_s, results = 0.0, list[Prepared]()
    for file in files:
        with tempfile.TemporaryDirectory(prefix="preparing-", dir=folder) as scratch_folder:
            part = advance.within(begun_s / total_s, (begun_s + file.duration_s) / total_s)
            draft = _Kitchen(decoder, sources, file, target, wish, limits, Path(scratch_folder), part).make()
            made = replace(draft, path=folder / f"{draft.sha256[:32]}.{draft.container}")
            draft.path.replace(made.path)
        results.append(made)
        begun_s += file.duration_s
    advance.begin(1.0, 1.0)
    return tuple(results)


class _Kitchen:
    """One file on its way."""

    def __init__(
        self,
        decoder: Decoder,
        sources: Sequence[Source],
        file: FilePlan,
        target: Target,
        wish: Wish,
        limits: DecodeLimits,
        folder: Path,
        advance: Advance,
    ) -> None:
        portions = _portions(file.cuts, sources)
        used = list(dict.fromkeys(portions))
        self._decoder = decoder
        self._sources = [sources[number] for number, _is_noisy in used]
        self._cuts = tuple(Cut(used.index(each), cut.span) for each, cut in zip(portions, file.cuts, strict=True))
        self._rate_hz = file.rate_hz
        self._container: Final = target.container
        self._wish = wish
        self._limits = limits
        self._folder = folder
        self._advance = advance

    def make(self) -> Prepared:
        """Capture, treat, compose, raise and write."""
        with ExitStack() as held:
            rooms = [self._ready(held, number) for number in range(len(self._sources))]
            ingredients, treated = [room[0] for room in rooms], [room[1] for room in rooms]
            found = stretches(self._cuts, ingredients)
            self._advance.begin(TREATED, COMPOSED)
            blocks = composed(found, self._rate_hz, self._advance.report)
            sound = measured(blocks, self._rate_hz, steps=self._steps(treated))
            gain_db = plan_gain_db(sound.loudness_lufs, sound.true_peak_dbtp)
            path = self._folder / f"draft.{self._container}"
            self._advance.begin(COMPOSED, WRITTEN)
            blocks = composed(found, self._rate_hz, self._advance.report)
            peaks = write(blocks, path, container=self._container, rate_hz=self._rate_hz, gain_db=gain_db)
        parts = tuple(
            Part(source.id, source.sha256, source.examination.inspection.mix, each.method, each.cap_db, made.gain_db)
            for source, each, made in zip(self._sources, treated, ingredients, strict=True)
        )
        before = measure(join(self._tracks(number) for number in range(len(parts))))
        is_as_it_was = all(each.method == "none" for each in treated)
        after = before if is_as_it_was else measure(join(each.tracks for each in treated))
        return Prepared(
            path=path,
            container=self._container,
            rate_hz=self._rate_hz,
            duration_s=sound.duration_s,
            size_bytes=path.stat().st_size,
            sha256=sha256_of(path),
            recipe=Recipe(parts, self._cuts, self._rate_hz, gain_db, self._container),
            before=before,
            after=_raised(with_sound(after, sound), gain_db),
            notes=tuple(self._note(number, each) for number, each in enumerate(treated)),
            peaks=peaks,
        )

    def _tracks(self, number: int) -> Tracks:
        """Return the moments of what is taken from one recording, joined in the order of the file."""
        tracks = self._sources[number].examination.tracks
        return join(tracks.part(span) for span in spans_of(self._cuts, number))

    def _steps(self, treated: Sequence[Treated]) -> Powers | None:
        """Return the loudness of the file where it is long, and nothing but cuts of one recording."""
        examined = self._sources[0].examination
        is_cut_alone = len(treated) == 1 and treated[0].method == "none"
        is_long = sum(cut.span.duration_s for cut in self._cuts) > rota.ALL_S
        if not (is_cut_alone and is_long) or examined.inspection.rate_hz != self._rate_hz:
            return None
        steps = examined.loudness_steps
        return None if steps is None else steps_of(steps, spans_of(self._cuts, 0))

    def _ready(self, held: ExitStack, number: int) -> tuple[Ingredient, Treated]:
        """Capture and treat what is taken from one recording."""
        source, count = self._sources[number], len(self._sources)
        spans = spans_of(self._cuts, number)
        self._advance.begin(TREATED * number / count, TREATED * (number + CAPTURED) / count)
        found = held.enter_context(
            captured(
                self._decoder,
                Original(source.filename, source.path),
                mix=source.examination.inspection.mix,
                spans=spans,
                rate_hz=self._rate_hz,
                limits=self._limits,
                scratch_path=self._folder / f"part-{number}.f32",
                report=self._advance.report,
                copy=self._copy_of(source),
            )
        )
        self._advance.begin(TREATED * (number + CAPTURED) / count, TREATED * (number + 1) / count)
        scratch = held.enter_context(Scratch(self._folder / f"treated-{number}.f32", self._rate_hz))
        denoising = plan_denoising(snr_of(source.examination.tracks, spans), self._wish.denoise)
        treated = treat(found, spans, self._tracks(number), denoising, scratch, self._advance.report)
        gain_db = _own_gain_db(treated, self._rate_hz) if count > 1 else 0.0
        return Ingredient(found, spans, treated.signal, treated.places, gain_db), treated

    def _note(self, number: int, treated: Treated) -> Note:
        source, judgement = self._sources[number], treated.judgement
        untried = "Noise removal was switched off." if self._wish.denoise == "off" else "No noise had to be removed."
        before_db = snr_of(source.examination.tracks, spans_of(self._cuts, number))
        return Note(
            source=source.id,
            denoise=treated.method,
            cap_db=treated.cap_db,
            tried=treated.tried.method if treated.tried else None,
            reason=judgement.reason if judgement else untried,
            snr_before_db=before_db,
            snr_after_db=before_db if treated.method == "none" else estimate_snr(treated.tracks).snr_db,
            voice_kept=judgement.voice_kept if judgement else None,
        )

    def _copy_of(self, source: Source) -> Path | None:
        """Return the copy of a recording if it is what decoding would give: as it was heard, nothing taken off."""
        heard, copy = source.examination.inspection, source.copy
        if copy is None or heard.rate_hz != self._rate_hz or heard.mix.offset != 0.0:
            return None
        return copy if holds(copy, round(heard.duration_s * heard.rate_hz)) else None


def _portions(cuts: Sequence[Cut], sources: Sequence[Source]) -> list[tuple[int, bool]]:
    """Return of which recording each cut is, and whether it is one of its noisy ones, where it has clean ones, too."""
    found = [(cut.part, False) for cut in cuts]
    for part in {cut.part for cut in cuts}:
        own = [number for number, cut in enumerate(cuts) if cut.part == part]
        for noisy in noisy_ones(sources[part].examination.tracks, [cuts[number].span for number in own]):
            found[own[noisy]] = (part, True)
    return found


def _own_gain_db(treated: Treated, rate_hz: int) -> float:
    """Return what brings one recording's stretches to the loudness of the others."""
    meter = LoudnessMeter(1, rate_hz)
    for start, end in treated.places:
        for block in treated.signal.blocks(start, end):
            meter.add(block)
    return part_gain_db(meter.integrated_lufs())


def _raised(measures: Measures, gain_db: float) -> Measures:
    """Return the measures of a sound after a gain, which changes levels and nothing else."""
    return replace(
        measures,
        loudness_lufs=_plus(measures.loudness_lufs, gain_db),
        true_peak_dbtp=_plus(measures.true_peak_dbtp, gain_db),
        peak_dbfs=_plus(measures.peak_dbfs, gain_db),
    )


def _plus(level: float | None, gain_db: float) -> float | None:
    return None if level is None else level + gain_db
