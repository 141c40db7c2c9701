"""Cancelling: a change of mind about a job that is under way, at any of its stages, once however often it is said.

The job's fence is raised, so that whoever holds it writes nothing more. What it may have made at a vendor until then is
removed by a job of its own (worker/stages/cancel.py), because finding that out can take longer than a request.
"""

from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared import aside, events, jobs, submissions
from shared.db.models import Clone, Job
from shared.db.moment import db_now
from shared.errors import Canceled, NotCancelable
from shared.jobs import Ended
from shared.ownership import not_found, owned
from shared.states import CANCELABLE, EventType, JobKind, Outcome, Stage, Status, SubmissionState

_CREATE_CANCELED: Final = "The clone was cancelled before it was done. Create it again to have it, or delete it."
_EXTEND_CANCELED: Final = "The change of the voice was cancelled before it was done. Make it again to have it."


def cancel(session: Session, account_id: str, clone_id: str) -> str | None:
    """Cancel what is going on with a clone; return the id of the job that removes what is left of it, if one must.

    What was cancelled already stays as it is. Raises: CloneNotFound, NotCancelable.
    """
    if _newest(session, account_id, clone_id) is None:
        raise not_found(clone_id)
    ended = jobs.take_over(session, clone_id, CANCELABLE)
    if ended is None:
        _check_canceled(_newest(session, account_id, clone_id), clone_id)
        return None
    if ended.held_sample_id is not None and ended.stage is Stage.TRACK:
        raise NotCancelable("The sample is gone at the vendor already, and cannot be had back.", stage=ended.stage)
    removal_id = jobs.new_job_id() if _may_have_left_something(session, ended) else None
    _end(session, account_id, clone_id, ended, newest_job_id=removal_id or ended.id)
    if removal_id is not None:
        jobs.create(
            session,
            jobs.NewJob(
                removal_id, account_id, clone_id, ended.vendor, ended.engine, JobKind.CANCEL, Stage.SUBMIT,
                ended.leased_until, progress=ended.progress,
            ),
        )  # fmt: skip
    return removal_id


def canceled_job(session: Session, clone_id: str) -> Job | None:
    """Return the job that was cancelled last: what a removal is about."""
    return session.scalars(
        select(Job)
        .where(Job.clone_id == clone_id, Job.kind.in_(CANCELABLE), Job.outcome == Outcome.CANCELED)
        .order_by(Job.finished_at.desc())
        .limit(1)
    ).one_or_none()


def _newest(session: Session, account_id: str, clone_id: str) -> Any:
    return session.execute(
        select(Clone.status, Job.kind, Job.outcome)
        .join(Job, Job.id == Clone.job_id)
        .where(*owned(account_id, clone_id))
    ).one_or_none()


def _check_canceled(newest: Any, clone_id: str) -> None:
    """Let pass what was cancelled already. Raises: CloneNotFound, NotCancelable."""
    if newest is None:
        raise not_found(clone_id)
    if newest.kind is JobKind.CANCEL or newest.outcome is Outcome.CANCELED:
        return
    raise NotCancelable(
        f"The clone is '{newest.status}' and nothing is going on with it that could be cancelled. "
        "DELETE removes it altogether.",
        status=newest.status,
    )


def _may_have_left_something(session: Session, ended: Ended) -> bool:
    """Tell whether a vendor may have something of the job, or be about to; its holder intends nothing more by now."""
    if ended.held_sample_id is not None:
        return ended.was_begun
    return any(
        intent.state is not SubmissionState.REFUSED or intent.is_doubted
        for intent in submissions.of_job(session, ended.id)
    )


def _end(session: Session, account_id: str, clone_id: str, ended: Ended, *, newest_job_id: str) -> None:
    """Write that the job was cancelled: a new clone fails by it, a voice that was only changed stays as it is."""
    is_new = ended.kind is JobKind.CREATE
    code, message = Canceled.code, _CREATE_CANCELED if is_new else _EXTEND_CANCELED
    values: dict[str, Any] = {"job_id": newest_job_id, "updated_at": db_now()}
    if is_new:
        values |= {"status": Status.FAILED, "error_code": code, "error_message": message}
    else:
        aside.drop(session, clone_id, ended.id)  # the sweep takes the bytes
    found = session.execute(
        update(Clone).where(*owned(account_id, clone_id)).values(**values).returning(Clone.id)
    ).scalar_one_or_none()
    if found is None:
        raise not_found(clone_id)
    data = {
        "status": (Status.FAILED if is_new else Status.READY).value,
        "stage": ended.stage.value,
        "code": code,
        "error_message": message,
    }
    events.append(session, clone_id=clone_id, account_id=account_id, job_id=ended.id, kind=EventType.FAILED, data=data)
