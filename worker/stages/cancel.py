"""The one stage of a cancel job: nothing is left at the vendor of what a job had made there that was cancelled.

The call may be in flight in the process that held the job, so it is waited out as for an erasure. Of a new clone its
voice is deleted; of an extension what it had added is taken away again, and the voice stays. What only a person can do
stands in the clone's notes and history.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from shared import cancellation, events, held, submissions
from shared.db.models import Clone, Job
from shared.erasures import ErasedVoice
from shared.errors import ServiceError, VendorVoiceNotFound
from shared.states import EventType, JobKind, Status, SubmissionState, WaitingFor
from shared.submissions import Intent
from shared.vendors.protocol import VendorSample
from shared.vendors.refusals import title_of
from worker import remains
from worker.endings import Ending, Finished, Rest
from worker.stages.extend import held_by_vendor, take_away
from worker.task import Task


def cancel(task: Task) -> Ending:
    """Remove what the cancelled job has left. Raises: what the vendors' adapters raise, SetupError."""
    with task.services.database.read() as session:
        job = cancellation.canceled_job(session, task.claim.clone_id)
        if job is None:
            raise ServiceError("Something is to be removed, but no job was cancelled.")
        made = [each for each in submissions.of_job(session, job.id) if _may_have_left_something(each)]
    wait_s = max(remains.certain_in_s(task, made), _listed_in_s(task, made))
    if wait_s > 0:
        return Rest(WaitingFor.VENDOR, wait_s + remains.MARGIN_S)
    if job.kind is JobKind.CREATE:
        return _remove_voices(task, made)
    return _remove_samples(task, job, made)


def _may_have_left_something(intent: Intent) -> bool:
    return intent.state is not SubmissionState.REFUSED or intent.is_doubted


def _listed_in_s(task: Task, made: Sequence[Intent]) -> float:
    """Return how long the vendor's list may still not show samples that it took: only there are they found."""
    added = [each for each in made if each.held_before is not None]
    return max((remains.engine_of(task, each).listing_lag_s - each.age_s for each in added), default=0.0)


def _remove_voices(task: Task, made: Sequence[Intent]) -> Ending:
    done = [remains.discard(task, voice) for voice in sorted(remains.made_by(task, made))]
    advice = [voice.advice for voice in done if voice.advice is not None]

    def save(session: Session) -> None:
        for intent in made:
            if intent.state is SubmissionState.INTENDED:  # what shows later than declared is found by one more look
                look_s = remains.late_look_s(remains.engine_of(task, intent))
                submissions.refuse(session, intent.marker, look_again_in_s=look_s)
        session.execute(update(Clone).where(Clone.id == task.claim.clone_id).values(vendor_voice_id=None))
        remains.note_on_clone(session, task.claim.clone_id, advice)
        remains.note_room(session, done)
        _tell(session, task, {"status": Status.FAILED.value, "removed": [_told(voice) for voice in done]})

    return Finished(save=save)


def _told(voice: ErasedVoice) -> dict[str, Any]:
    return {
        "vendor": voice.vendor,
        "voiceId": voice.voice_id,
        "outcome": voice.outcome,
        "code": voice.code,
        "advice": voice.advice,
    }


def _remove_samples(task: Task, job: Job, made: Sequence[Intent]) -> Ending:
    """Take away what was added, if the vendor takes samples away; of one that was to be taken away, see if it is."""
    try:
        listed = held_by_vendor(task)
    except VendorVoiceNotFound:
        listed = ()  # whoever deleted the voice there deleted its samples with it
    before = made[0].held_before if made else None
    added = [] if before is None else [each for each in listed if each.sample_id not in before]
    can_remove = task.engine.abilities.deletes_samples
    if can_remove:
        for sample in added:
            take_away(task, sample.sample_id)
    gone = {sample.sample_id for sample in added} if can_remove else set()
    left = tuple(sample for sample in listed if sample.sample_id not in gone)

    def save(session: Session) -> None:
        held.note(session, task.claim.account_id, task.claim.clone_id, left)
        for intent in made:
            if intent.state is SubmissionState.INTENDED:
                submissions.refuse(session, intent.marker)
        remains.note_on_clone(session, task.claim.clone_id, [] if can_remove else _kept_notes(task, added))
        outcome = "deleted" if can_remove else "unsupported"
        removed = [{"vendor": task.claim.vendor, "sampleId": each.sample_id, "outcome": outcome} for each in added]
        _tell(session, task, {"status": Status.READY.value, "removed": removed})

    return Finished(save=save)


def _kept_notes(task: Task, added: Sequence[VendorSample]) -> list[str]:
    if not added:
        return []
    many = f"{len(added)} samples" if len(added) > 1 else "a sample"
    return [
        f"{title_of(task.claim.vendor)} takes no sample away again: {many} that a cancelled change had added "
        "stays in the voice."
    ]


def _tell(session: Session, task: Task, data: dict[str, Any]) -> None:
    claim = task.claim
    events.append(
        session, clone_id=claim.clone_id, account_id=claim.account_id, job_id=claim.job_id, kind=EventType.PROGRESS,
        data=data,
    )  # fmt: skip
