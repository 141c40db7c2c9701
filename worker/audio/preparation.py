"""Make of a recording what an engine wants to hear: mono, trimmed, quiet, at the right loudness, within its limits.

What `prepare` calls. The original is only read. The work goes through scratch files in the caller's folder, so memory
does not grow with length; they are gone afterwards, whatever happens. The same input gives the same bytes.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from worker.audio.activity import find_activity
from worker.audio.capture import Capture, capture
from worker.audio.decibels import db_to_amplitude
from worker.audio.decoder import Decoder
from worker.audio.encode import encode, frames_that_fit
from worker.audio.gain import MAX_TRUE_PEAK_DBTP, TARGET_LUFS, plan_gain_db
from worker.audio.gate import FLOOR_DB, NOISE_PERCENTILE, SpectralGate
from worker.audio.inspection import Inspection
from worker.audio.levels import HOP_S
from worker.audio.noise import estimate_snr_db
from worker.audio.peaks import PeakMeter
from worker.audio.prepared import Prepared, TargetFormat, TreatmentWish
from worker.audio.progress import Advance, Progress
from worker.audio.recipe import Recipe, Treatment, Values
from worker.audio.rendering import Rendering, faded, render
from worker.audio.scratch import Mono, Scratch
from worker.audio.trim import PAD_AFTER_S, PAD_BEFORE_S, Span, trim_ends
from worker.audio.window import best_window
from worker.audio.wire import DecodeLimits

__all__ = ["Prepared", "TargetFormat", "TreatmentWish", "prepare"]

MAX_RATE_HZ: Final = 48_000  # no vendor gains from more; a lower rate is never raised
CLEAN_SNR_DB: Final = 25.0  # from here on every denoiser that was measured did harm
SHRINK: Final = 0.97  # of the length that would just fit, after a file came out too large
SHORTEST_S: Final = 0.5

CAPTURE_SHARE: Final = (0.0, 0.6)  # of the whole work, for progress
RENDER_SHARE: Final = (0.6, 0.9)
ENCODE_SHARE: Final = (0.9, 0.99)


def prepare(
    decoder: Decoder,
    path: Path,
    *,
    filename: str,
    inspection: Inspection,
    wish: TreatmentWish,
    target: TargetFormat,
    limits: DecodeLimits,
    folder: Path,
    progress: Progress,
) -> Prepared:
    """Prepare one recording; the result lies in `folder` under a name made of its hash.

    `progress` gets fractions from 0 to 1; what it raises goes through, after everything has been tidied up.

    Raises: AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing.
    """
    advance = Advance(progress)
    advance.begin(*CAPTURE_SHARE)
    with (
        tempfile.TemporaryDirectory(prefix="preparing-", dir=folder) as scratch_folder,
        capture(
            decoder,
            path,
            filename=filename,
            mix=inspection.mix,
            rate_hz=min(inspection.rate_hz, target.max_rate_hz or MAX_RATE_HZ, MAX_RATE_HZ),
            duration_s=inspection.duration_s,
            limits=limits,
            folder=Path(scratch_folder),
            report=advance.report,
        ) as captured,
    ):
        draft = _Preparation(captured, inspection, wish, target, Path(scratch_folder), advance).run()
        prepared = replace(draft, path=folder / f"{draft.sha256[:32]}.{draft.container}")
        draft.path.replace(prepared.path)
    advance.begin(1.0, 1.0)
    return prepared


class _Preparation:
    """One captured recording on its way to a file in the scratch folder."""

    def __init__(
        self,
        captured: Capture,
        inspection: Inspection,
        wish: TreatmentWish,
        target: TargetFormat,
        folder: Path,
        advance: Advance,
    ) -> None:
        self._scratch = captured.scratch
        self._powers = captured.powers
        self._inspection = inspection
        self._wish = wish
        self._target = target
        self._folder = folder
        self._advance = advance

    def run(self) -> Prepared:
        activity = find_activity(self._powers)
        kept = whole = Span(0.0, self._scratch.duration_s)
        if self._wish.trim == "auto":
            kept = trim_ends(activity, whole.duration_s)
        gate = SpectralGate(self._scratch) if self._needs_gate() else None
        limit_s = self._longest_s()
        while True:
            span = best_window(activity, kept, limit_s)
            prepared = self._make(span, gate, self._shaping(whole, kept, span))
            largest = self._target.max_size_bytes
            if largest is None or prepared.size_bytes <= largest:
                return prepared
            limit_s = self._at_least(SHRINK * prepared.duration_s * largest / prepared.size_bytes)

    def _make(self, span: Span, gate: SpectralGate | None, recipe: Recipe) -> Prepared:
        """Render, raise and write one stretch."""
        rate_hz = self._scratch.rate_hz
        start, end = round(span.start_s * rate_hz), min(round(span.end_s * rate_hz), self._scratch.frames)
        blocks = gate.blocks(start, end) if gate else self._scratch.blocks(start, end)
        softened = faded(
            blocks,
            frames=end - start,
            rate_hz=rate_hz,
            fades_in=start > 0,
            fades_out=end < self._scratch.frames,
        )
        self._advance.begin(*RENDER_SHARE)
        with Scratch(self._folder / "render.f32", rate_hz) as rendered:
            measured = render(softened, rendered, frames=end - start, report=self._advance.report)
            gain_db = plan_gain_db(measured.loudness_lufs, measured.true_peak_dbtp)
            path = self._folder / f"draft.{self._target.container}"
            peaks = PeakMeter(1)
            self._advance.begin(*ENCODE_SHARE)
            encode(self._raised(rendered, gain_db, peaks), path, container=self._target.container, rate_hz=rate_hz)
        snr_before_db = estimate_snr_db(self._powers[round(span.start_s / HOP_S) : round(span.end_s / HOP_S)])
        with path.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        return Prepared(
            path=path,
            container=self._target.container,
            rate_hz=rate_hz,
            duration_s=(end - start) / rate_hz,
            size_bytes=path.stat().st_size,
            sha256=sha256,
            recipe=_finished(recipe, gate is not None, snr_before_db, measured, gain_db, self._target),
            loudness_lufs=None if measured.loudness_lufs is None else measured.loudness_lufs + gain_db,
            snr_before_db=snr_before_db,
            snr_after_db=measured.snr_db if gate else snr_before_db,
            peaks=peaks.peaks(),
        )

    def _raised(self, rendered: Scratch, gain_db: float, peaks: PeakMeter) -> Iterator[Mono]:
        gain = db_to_amplitude(gain_db)
        done = 0
        for block in rendered.blocks():
            block *= gain
            peaks.add(block)
            yield block
            done += block.shape[1]
            self._advance.report(done / rendered.frames)

    def _needs_gate(self) -> bool:
        if self._wish.denoise != "auto":
            return self._wish.denoise == "on"
        snr_db = self._inspection.snr_db
        return snr_db is not None and snr_db < CLEAN_SNR_DB

    def _longest_s(self) -> float:
        """Return how long the result may be as far as that is known before it is written."""
        limits_s = [self._scratch.duration_s, self._target.max_duration_s or float("inf")]
        if self._target.container == "wav" and self._target.max_size_bytes is not None:
            limits_s.append(frames_that_fit(self._target.max_size_bytes) / self._scratch.rate_hz)
        return self._at_least(min(limits_s))

    def _at_least(self, limit_s: float) -> float:
        if limit_s < SHORTEST_S:
            raise ValueError(f"no recording fits into {self._target}")
        return limit_s

    def _shaping(self, whole: Span, kept: Span, span: Span) -> Recipe:
        """Return the recipe up to the cut."""
        mix, source = self._inspection.mix, self._inspection
        method = "channel" if mix.channel is not None else "mean" if source.channels > 1 else "as it is"
        recipe = Recipe().plus(
            Treatment("mono", {"method": method, "channel": mix.channel}, {"offset": round(mix.offset, 6)})
        )
        if source.rate_hz != self._scratch.rate_hz:
            recipe = recipe.plus(Treatment("resample", {"rate_hz": self._scratch.rate_hz}, {"from_hz": source.rate_hz}))
        if kept != whole:
            recipe = recipe.plus(Treatment("trim", _PADS, _measured(start_s=kept.start_s, end_s=kept.end_s)))
        if span != kept:
            limits = {"max_duration_s": self._target.max_duration_s, "max_size_bytes": self._target.max_size_bytes}
            recipe = recipe.plus(Treatment("window", limits, _measured(start_s=span.start_s, end_s=span.end_s)))
        return recipe


_PADS: Final = {"pad_before_s": PAD_BEFORE_S, "pad_after_s": PAD_AFTER_S}
_GATE: Final = {"floor_db": FLOOR_DB, "noise_percentile": NOISE_PERCENTILE}
_LOUDNESS: Final = {"target_lufs": TARGET_LUFS, "max_true_peak_dbtp": MAX_TRUE_PEAK_DBTP}


def _finished(
    recipe: Recipe,
    is_gated: bool,
    snr_before_db: float | None,
    measured: Rendering,
    gain_db: float,
    target: TargetFormat,
) -> Recipe:
    """Return the recipe from the cut to the file."""
    if is_gated:
        recipe = recipe.plus(
            Treatment("gate", _GATE, _measured(snr_before_db=snr_before_db, snr_after_db=measured.snr_db))
        )
    figures = _measured(
        gain_db=gain_db,
        loudness_before_lufs=measured.loudness_lufs,
        true_peak_before_dbtp=measured.true_peak_dbtp,
    )
    recipe = recipe.plus(Treatment("gain", _LOUDNESS, figures))
    return recipe.plus(Treatment("encode", {"container": target.container, "bits": 16}))


def _measured(**figures: float | None) -> Values:
    return {name: None if value is None else round(value, 2) for name, value in figures.items()}
