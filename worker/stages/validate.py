"""Stage 1: can every recording be decoded, is it long enough, is there speech in it, and how good is it?

One that is not good ends the job, but only when all have been looked at: whoever must record again learns of every
recording at once.
"""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.columns import Json
from shared.db.models import Clone, Sample
from shared.errors import AudioError
from shared.states import Stage
from worker.audio.measure.inspection import Inspection
from worker.audio.measure.persons import Vector, strangers, told
from worker.audio.measure.verdicts import Verdict
from worker.audio.refusal import refusal_of
from worker.endings import Advance, Ending
from worker.stages.examinations import examine
from worker.task import Recording, Task


def validate(task: Task) -> Ending:
    """Inspect every recording.

    Raises: AudioUnreadable, AudioTooShort, AudioTooLong, AudioTooQuiet, AudioTooNoisy, AudioClipped, NoSpeech,
        DecoderLost, SourceMissing.
    """
    inspections: dict[str, Inspection] = {}
    voices: dict[str, Vector | None] = {}
    refusals: list[tuple[Recording, AudioError]] = []
    total_bytes = sum(recording.size_bytes for recording in task.recordings) or 1
    done_bytes = 0
    for recording in task.recordings:
        progress = task.part(done_bytes / total_bytes, recording.size_bytes / total_bytes)
        try:
            found = examine(task, recording, progress)
        except AudioError as error:
            refusals.append((recording, error))
        else:
            inspections[recording.id] = found.inspection
            voices[recording.id] = found.voice
            refusal = refusal_of(found, recording.filename)
            if refusal is not None:
                refusals.append((recording, refusal))
        done_bytes += recording.size_bytes
    if refusals:
        with task.transaction() as session:  # the report shows what was measured of a recording that is no use
            _save(session, inspections)
        raise _all_in_one(refusals)
    said = [*_warnings(task.recordings, inspections), *_strangers(task.recordings, voices, inspections)]
    warnings = [{**warning, "job_id": task.claim.job_id} for warning in said]

    def save(session: Session) -> None:
        _save(session, inspections)
        known = session.scalar(select(Clone.warnings).where(Clone.id == task.claim.clone_id)) or []
        older = [warning for warning in known if warning["sample_id"] not in inspections]
        session.execute(update(Clone).where(Clone.id == task.claim.clone_id).values(warnings=[*older, *warnings]))

    return Advance(Stage.PREPARE, save)


def _save(session: Session, inspections: Mapping[str, Inspection]) -> None:
    for sample_id, inspection in inspections.items():
        peaks = inspection.peaks.to_json() if inspection.peaks else None
        session.execute(
            update(Sample).where(Sample.id == sample_id).values(inspection=inspection.to_json(), peaks=peaks)
        )


def _all_in_one(refusals: Sequence[tuple[Recording, AudioError]]) -> AudioError:
    """Return the first refusal, with one sentence about the others."""
    (_, first), *others = refusals
    if not others:
        return first
    findings = [f"{recording.filename} {_finding(recording, error)}" for recording, error in others]
    count = "1 more recording" if len(others) == 1 else f"{len(others)} more recordings"
    return type(first)(
        f"{first.message} {count} cannot be used either: {', and '.join(findings)}.",
        **first.details,
    )


def _finding(recording: Recording, error: AudioError) -> str:
    """Return what is wrong with a recording, without its name and without the advice that follows."""
    return error.message.removeprefix(recording.filename).strip().partition(". ")[0].rstrip(".")


def _warnings(recordings: Sequence[Recording], inspections: dict[str, Inspection]) -> list[Json]:
    return [
        {"filename": recording.filename, "sample_id": recording.id, "warning": warning}
        for recording in recordings
        for warning in _warnings_of(inspections[recording.id])
    ]


def _strangers(
    recordings: Sequence[Recording], voices: Mapping[str, Vector | None], inspections: Mapping[str, Inspection]
) -> list[Json]:
    spoken_s = [inspections[recording.id].measures.speech_s for recording in recordings]
    found = strangers([voices[recording.id] for recording in recordings], spoken_s)
    return [
        {"filename": each.filename, "sample_id": each.id, "warning": f"one_person: {told(found[number])}"}
        for number, each in enumerate(recordings)
        if number in found
    ]


def _warnings_of(inspection: Inspection) -> Iterator[str]:
    """Give what is wrong with a recording that is used all the same: what the decoder saw, then what was measured."""
    yield from inspection.warnings
    for finding in inspection.findings:
        if finding.verdict is Verdict.WARN:
            yield f"{finding.name}: {finding.advice}"
