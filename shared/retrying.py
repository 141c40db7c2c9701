"""Trying again what has failed, from the stage that failed: the same job is revived, with all that it has done.

Its recordings, the files that were made of them and its calls at vendors are the job's still, so nothing is uploaded,
prepared or paid twice. What a vendor could not train is no use, though: that voice is deleted there and another made.
"""

from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import events, submissions
from shared.db.models import Clone, Job, Sample
from shared.db.moment import db_now
from shared.errors import Canceled, CloneBusy, NotRetryable, TrainingFailed, VendorProtocol, VendorVoiceNotFound
from shared.estimates import estimate
from shared.jobs import BELL_HEAD_START_S
from shared.ownership import not_found, owned
from shared.states import CANCELABLE, QUEUE_OF, EventType, JobKind, Outcome, Stage, Status
from shared.vendors import Vendors

# After these the voice at the vendor comes to nothing, however long it is followed.
_NO_VOICE: Final = (TrainingFailed.code, VendorVoiceNotFound.code)


def retry(session: Session, vendors: Vendors, account_id: str, clone_id: str) -> tuple[str, Stage] | None:
    """Revive the job by which a clone failed; return its id and stage, or None where it goes on already.

    Raises: CloneNotFound, NotRetryable, CloneBusy.
    """
    newest = _newest(session, account_id, clone_id)
    if newest is None:
        raise not_found(clone_id)
    if newest.outcome is None and newest.kind in CANCELABLE:
        return None
    _check_failed(newest)
    again_from_submit = newest.stage is Stage.TRACK and newest.error_code in _NO_VOICE
    stage = Stage.SUBMIT if again_from_submit else newest.stage
    if not _revive(session, newest.job_id, stage):
        return None  # another retry was first
    _check_kept(session, newest)
    _start_anew(session, vendors, newest, again_from_submit=again_from_submit)
    values: dict[str, Any] = {"updated_at": db_now()}
    if newest.kind is JobKind.CREATE:
        values |= {"status": Status.PROCESSING, "error_code": None, "error_message": None}
    still_there = (*owned(account_id, clone_id), Clone.job_id == newest.job_id)
    found = session.execute(update(Clone).where(*still_there).values(**values).returning(Clone.id)).scalar_one_or_none()
    if found is None:
        raise not_found(clone_id)
    status = Status.PROCESSING if newest.kind is JobKind.CREATE else Status.READY
    data = {"status": status.value, "stage": stage.value, "job": newest.kind.value, "retries": newest.retries + 1}
    events.append(
        session, clone_id=clone_id, account_id=account_id, job_id=newest.job_id, kind=EventType.PROCESSING, data=data
    )
    return newest.job_id, stage


def _newest(session: Session, account_id: str, clone_id: str) -> Any:
    return session.execute(
        select(
            Clone.status, Clone.job_id, Job.kind, Job.outcome, Job.stage, Job.error_code, Job.vendor, Job.engine,
            Job.held_sample_id, Job.retries,
        )
        .join(Job, Job.id == Clone.job_id)
        .where(*owned(account_id, clone_id))
    ).one_or_none()  # fmt: skip


def _check_failed(newest: Any) -> None:
    """Let pass what has failed. Raises: NotRetryable."""
    if newest.kind is JobKind.CANCEL or newest.outcome is Outcome.CANCELED:
        again = "create it again" if newest.status is Status.FAILED else "make the change again"
        raise NotRetryable(
            f"It was cancelled, and what is cancelled is not taken up again: {again}.", code=Canceled.code
        )
    if newest.outcome is not Outcome.FAILED:
        raise NotRetryable(f"The clone is '{newest.status}': nothing of it has failed.", status=newest.status)


def _revive(session: Session, job_id: str, stage: Stage) -> bool:
    """Make a failed job live and due, once. Raises: CloneBusy: the clone's next job has begun."""
    try:
        with session.begin_nested():
            revived = session.execute(
                update(Job)
                .where(Job.id == job_id, Job.outcome == Outcome.FAILED)
                .values(
                    outcome=None, stage=stage, queue=QUEUE_OF[stage], fence=Job.fence + 1, retries=Job.retries + 1,
                    attempt=0, waits=0, waiting_for=None, lease_until=None, due_at=db_now(), announcements=0,
                    announce_at=db_now(BELL_HEAD_START_S), stage_started_at=db_now(), updated_at=db_now(),
                    finished_at=None, error_code=None, error_message=None,
                )
                .returning(Job.id)
            ).scalar_one_or_none()  # fmt: skip
    except IntegrityError:
        raise CloneBusy("The clone has a job that is not done yet; ask again when 'job.outcome' is set.") from None
    return revived is not None


def _check_kept(session: Session, newest: Any) -> None:
    """Refuse an extension whose recordings are gone. Raises: NotRetryable."""
    if newest.kind is not JobKind.EXTEND or newest.held_sample_id is not None:
        return
    if session.scalar(select(Sample.id).where(Sample.job_id == newest.job_id).limit(1)) is None:
        raise NotRetryable(
            "The recordings that were to be added are kept for a day after it failed, and are gone; add them again."
        )


def _start_anew(session: Session, vendors: Vendors, newest: Any, *, again_from_submit: bool) -> None:
    """Give the job a new estimate, and say what its last call at the vendor is worth."""
    engine = vendors.engine_of(newest.vendor, newest.engine)
    if engine is not None:
        expected = estimate(session, newest.vendor, newest.engine, engine.training_typical_s)
        session.execute(update(Job).where(Job.id == newest.job_id).values(**expected.moments()))
    last = submissions.latest(session, newest.job_id)
    if last is None or (last.vendor, last.engine) != (newest.vendor, newest.engine):
        return
    if again_from_submit and newest.kind is JobKind.CREATE:
        submissions.spend(session, last)
    elif again_from_submit and engine is not None and engine.abilities.adds_again:
        submissions.refuse(session, last.marker)  # adding the same once more has the voice trained once more
    else:
        never_answered = newest.error_code == VendorProtocol.code
        submissions.doubt_again(session, last, also_refused=never_answered)
