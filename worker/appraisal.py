"""What recordings are worth to an engine, before anything is created or paid: a verdict and the sentences for it.

Pure. It reads what was found out and what would be sent, and measures nothing. The verdict is about a clone that is
created from exactly these recordings: `refuse` where it would fail or its engine would turn it down, `warn` where it
would be made and could be better.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.errors import AudioError
from shared.vendors.engines import Limits
from worker.audio.choose.planning import ONE_STRETCH_S, STRETCH_SHARE
from worker.audio.measure.inspection import Inspection
from worker.audio.measure.persons import told
from worker.audio.measure.verdicts import Verdict
from worker.audio.tracks import Span
from worker.audio.treat.prepared import Prepared
from worker.stages.limits import TOLERANCE_S, least_s

ENOUGH: Final = 0.95  # of what an engine makes best use of; the cuts of joined segments never meet it exactly
_PIECES_SHOWN: Final = 3  # of one recording; more are counted


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording and what was found out about it: an inspection if it could be read, and the error it earned."""

    id: str
    filename: str
    inspection: Inspection | None = None
    error: AudioError | None = None
    stranger: float | None = None  # how like the others' its voice is, where it is not like it

    def to_json(self) -> dict[str, Any]:
        error = self.error
        return {
            "id": self.id,
            "inspection": self.inspection.to_json() if self.inspection else None,
            "error": {"code": error.code, "message": error.message, "details": dict(error.details)} if error else None,
        }


@dataclass(frozen=True, slots=True)
class Appraisal:
    """The verdict and why, in sentences: what would be sent first, then what speaks against it, gravest first."""

    verdict: Verdict
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"verdict": self.verdict.value, "reasons": list(self.reasons)}


def appraise(engine: str, limits: Limits, recordings: Sequence[Heard], sent: Sequence[Prepared]) -> Appraisal:
    """Return what an engine, by its full name `vendor/engine`, would make of recordings.

    `sent` is what `prepare` made of them: nothing where a recording was refused.
    """
    refusals = [*_refused(recordings), *_too_little(engine, limits, sent)]
    warnings = [*_left_out(recordings, sent), *_findings(recordings)]
    if not refusals:
        warnings = [*_less_than_best(engine, limits, sent), *warnings]
    verdict = Verdict.REFUSE if refusals else Verdict.WARN if warnings else Verdict.OK
    return Appraisal(verdict, (_sending(engine, recordings, sent, is_enough=not refusals), *refusals, *warnings))


def _sending(engine: str, recordings: Sequence[Heard], sent: Sequence[Prepared], *, is_enough: bool) -> str:
    """Say how much would be sent, and of which recordings."""
    if not sent:
        return f"Nothing would be sent to {engine}."
    count = "1 file" if len(sent) == 1 else f"{len(sent)} files"
    origins = [f"{each.filename} ({_stretches(spans)})" for each in recordings if (spans := _spans(each.id, sent))]
    what = f"would be sent to {engine}" if is_enough else f"is all that can be made for {engine}"
    return f"{count} of {_total_s(sent):.1f} s {what}, taken from {_listed(origins)}."


def _refused(recordings: Sequence[Heard]) -> Iterator[str]:
    for each in recordings:
        if each.error is None:
            continue
        if len(recordings) == 1:
            yield each.error.message
        else:
            yield f"{each.error.message} A clone takes all of its recordings or none: leave {each.filename} out."


def _too_little(engine: str, limits: Limits, sent: Sequence[Prepared]) -> Iterator[str]:
    """Say what `prepare` would refuse for: fewer seconds than the engine needs."""
    needed_s, total_s = least_s(limits), _total_s(sent)
    if sent and needed_s is not None and total_s < needed_s - TOLERANCE_S:
        missing_s = needed_s - total_s
        yield f"{engine} needs at least {needed_s:g} s; {total_s:.1f} s are usable. Record {missing_s:.1f} s more."


def _less_than_best(engine: str, limits: Limits, sent: Sequence[Prepared]) -> Iterator[str]:
    best_s, total_s = limits.best_s, _total_s(sent)
    if best_s is None or not sent:
        return
    share = STRETCH_SHARE[0] if best_s <= ONE_STRETCH_S else ENOUGH
    if total_s < share * best_s:
        yield f"{engine} makes best use of {best_s:g} s; {total_s:.1f} s are usable. More would make a better voice."


def _left_out(recordings: Sequence[Heard], sent: Sequence[Prepared]) -> Iterator[str]:
    for each in recordings:
        if sent and not _spans(each.id, sent):
            yield f"{each.filename} is left out: what the engine makes use of was found in the other recordings."


def _findings(recordings: Sequence[Heard]) -> Iterator[str]:
    for each in recordings:
        if each.inspection is None or each.error is not None:
            continue
        if each.stranger is not None:
            yield f"{each.filename}: {told(each.stranger)}"
        yield from (f"{each.filename}: {warning}" for warning in each.inspection.warnings)
        for finding in each.inspection.findings:
            if finding.verdict is not Verdict.OK:
                yield f"{each.filename}: {finding.advice}"


def _spans(recording_id: str, sent: Sequence[Prepared]) -> list[Span]:
    """Return the stretches that are taken from one recording, in the order of time."""
    spans = [
        cut.span for each in sent for cut in each.recipe.cuts if each.recipe.parts[cut.part].source == recording_id
    ]
    return sorted(spans, key=lambda span: span.start_s)


def _stretches(spans: Sequence[Span]) -> str:
    if len(spans) <= _PIECES_SHOWN:
        return ", ".join(f"{span.start_s:.1f}-{span.end_s:.1f} s" for span in spans)
    return f"{sum(span.duration_s for span in spans):.1f} s in {len(spans)} pieces"


def _total_s(sent: Sequence[Prepared]) -> float:
    return sum(each.duration_s for each in sent)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
