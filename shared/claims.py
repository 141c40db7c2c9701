"""Holding a job: one conditional UPDATE takes it, and every later write names the fence that it set.

A claim is a lease with a fencing token on the database's clock. Whoever raised the fence since (another worker after
the lease ran out, a cancel, an erasure) makes the old holder's next write fail with ClaimLost, and with it the whole
transaction. An attempt is counted when the job is claimed and given back by every clean end.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, null, update
from sqlalchemy.orm import Session

from shared import clones, events, progress, tidings
from shared.db.models import Clone, Job
from shared.db.moment import db_now
from shared.errors import ClaimLost, ServiceError, WorkerLost
from shared.jobs import BELL_HEAD_START_S, runnable
from shared.states import (
    QUEUE_OF,
    RELENTLESS,
    SPAN_OF,
    EventType,
    JobKind,
    Outcome,
    Queue,
    Stage,
    Status,
    WaitingFor,
    tried_again,
)

_COLUMNS = (
    Job.id, Job.fence, Job.account_id, Job.clone_id, Job.vendor, Job.engine, Job.kind, Job.stage, Job.attempt,
    Job.waits, Job.waiting_for, Job.error_code, Job.error_message, Job.stage_started_at, Job.held_sample_id,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in hand. `fence` is the token that every write names; `waited_for` is what it rested for before."""

    job_id: str
    fence: int
    account_id: str
    clone_id: str
    vendor: str
    engine: str
    kind: JobKind
    stage: Stage
    attempt: int
    waits: int
    stage_age_s: float
    last_error: tuple[str, str] | None
    waited_for: WaitingFor | None = None
    held_sample_id: str | None = None  # what an `extend` job takes away instead of adding


def take(session: Session, job_id: str, *, owner: str, lease_s: float) -> Claim | None:
    """Claim a job that is due and free; return None when it is not (done, leased, not due, not there)."""
    row = session.execute(
        update(Job)
        .where(Job.id == job_id, *runnable())
        .values(
            fence=Job.fence + 1, attempt=Job.attempt + 1, lease_owner=owner, lease_until=db_now(lease_s),
            announcements=0, announce_at=db_now(), updated_at=db_now(),
        )
        .returning(*_COLUMNS, db_now().label("now"))
    ).one_or_none()  # fmt: skip
    return None if row is None else _claim(row, row.now)


def _claim(row: Any, now: datetime) -> Claim:
    return Claim(
        job_id=row.id, fence=row.fence, account_id=row.account_id, clone_id=row.clone_id, vendor=row.vendor,
        engine=row.engine, kind=row.kind, stage=row.stage, attempt=row.attempt, waits=row.waits,
        stage_age_s=(now - row.stage_started_at).total_seconds(),
        last_error=(row.error_code, row.error_message or "") if row.error_code else None,
        waited_for=row.waiting_for, held_sample_id=row.held_sample_id,
    )  # fmt: skip


def _fenced(session: Session, claim: Claim, *conditions: ColumnElement[bool], **values: Any) -> Any:
    """Write to the job if it is still ours; return its row, as `progress.tell` takes it. Raises: ClaimLost."""
    held = session.execute(
        update(Job)
        .where(Job.id == claim.job_id, Job.fence == claim.fence, Job.outcome.is_(None), *conditions)
        .values(updated_at=db_now(), **values)
        .returning(*progress.COLUMNS)
    ).one_or_none()
    if held is None:
        raise ClaimLost(f"job {claim.job_id} is no longer held under fence {claim.fence}")
    return held


def renew(session: Session, claim: Claim, lease_s: float) -> None:
    """Show a sign of life, or make sure before a paid call that the job is ours.

    Raises: ClaimLost: also of a job that its holder has let go of: the heart may be about to renew it just then, and a
    lease on what nobody works at would have everybody wait until it runs out.
    """
    _fenced(session, claim, Job.lease_until.is_not(None), lease_until=db_now(lease_s))


def note_progress(session: Session, claim: Claim, percent: int) -> None:
    """Raise the job's percent; it never falls. Raises: ClaimLost."""
    held = _fenced(session, claim, progress=case((Job.progress < percent, percent), else_=Job.progress))
    progress.tell(session, held, _status(claim))
    tidings.note_change(session, claim.clone_id)


def advance(session: Session, claim: Claim, to: Stage, *, keep_s: float | None) -> Claim | None:
    """Put the job at its next stage, due now: let go of it, or go on holding it for `keep_s` under a new fence.

    Raises: ClaimLost.
    """
    kept = keep_s is not None
    _fenced(
        session, claim, stage=to, queue=QUEUE_OF[to], due_at=db_now(), stage_started_at=db_now(), waits=0,
        attempt=1 if kept else 0, fence=claim.fence + 1, waiting_for=None, progress=SPAN_OF[to][0],
        told_progress=SPAN_OF[to][0], told_at=db_now(),
        lease_until=db_now(keep_s) if keep_s is not None else None, error_code=None, error_message=None,
        announcements=0, announce_at=db_now(0 if kept else BELL_HEAD_START_S),
    )  # fmt: skip
    data = {"status": _status(claim).value, "stage": to.value, "training_progress": SPAN_OF[to][0]}
    _tell(session, claim, EventType.PROGRESS, data)
    if not kept:
        return None
    return replace(
        claim, fence=claim.fence + 1, stage=to, attempt=1, waits=0, stage_age_s=0.0, last_error=None, waited_for=None
    )


def hand_over(session: Session, claim: Claim, to: tuple[str, str], later: list[list[str]], why: ServiceError) -> None:
    """Give a clone that its vendor refused to the next, at `prepare`: other limits hold there. Raises: ClaimLost."""
    vendor, engine = to
    _fenced(
        session, claim, vendor=vendor, engine=engine, stage=Stage.PREPARE, queue=QUEUE_OF[Stage.PREPARE],
        due_at=db_now(), stage_started_at=db_now(), waits=0, attempt=0, fence=claim.fence + 1, waiting_for=None,
        lease_until=None, error_code=None, error_message=None, announcements=0, announce_at=db_now(BELL_HEAD_START_S),
        eta_low_at=None, eta_high_at=None,  # they were the other vendor's
    )  # fmt: skip
    session.execute(
        update(Clone).where(Clone.id == claim.clone_id).values(vendor=vendor, engine=engine, fallbacks=later or null())
    )
    data = {
        "status": Status.PROCESSING.value, "stage": Stage.PREPARE.value, "code": why.code, "reason": why.message,
        "handedOver": {"from": f"{claim.vendor}/{claim.engine}", "to": f"{vendor}/{engine}"},
    }  # fmt: skip
    _tell(session, claim, EventType.PROGRESS, data)


def rest(
    session: Session,
    claim: Claim,
    waiting_for: WaitingFor,
    delay_s: float,
    *,
    percent: int | None = None,
    error: ServiceError | None = None,
    reason: str | None = None,
) -> None:
    """Let go cleanly until `delay_s` from now; the attempt is given back. Raises: ClaimLost.

    That a person must act is told once, with the `reason`, and so is that a vendor is not called, with the `error`.
    Vendors that cannot be asked while a person is waited for change nothing of it; when the person has acted, the
    stage's clock begins anew.
    """
    values: dict[str, Any] = {
        "error_code": None if error is None else error.code,
        "error_message": None if error is None else error.message,
    }
    if claim.waited_for is WaitingFor.VERIFICATION and waiting_for is not WaitingFor.VERIFICATION:
        if error is not None:
            waiting_for = WaitingFor.VERIFICATION
        else:
            values["stage_started_at"] = db_now()
    elif waiting_for is WaitingFor.VERIFICATION and claim.waited_for is not WaitingFor.VERIFICATION:
        data = {"status": _status(claim).value, "stage": claim.stage.value, "reason": reason}
        _tell(session, claim, EventType.ACTION_REQUIRED, data)
    if waiting_for is WaitingFor.VENDOR and error is not None and claim.kind not in RELENTLESS:
        _tell_waits(session, claim, error)
    if percent is not None:
        values["progress"] = case((Job.progress < percent, percent), else_=Job.progress)
    held = _fenced(
        session, claim, waiting_for=waiting_for, due_at=db_now(delay_s), announce_at=db_now(delay_s),
        attempt=claim.attempt - 1, waits=claim.waits + 1, lease_until=None, **values,
    )  # fmt: skip
    if percent is not None:
        progress.tell(session, held, _status(claim))
    tidings.note_change(session, claim.clone_id)


def _tell_waits(session: Session, claim: Claim, error: ServiceError) -> None:
    """Say once, and not at every look, what a job waits for at a vendor that is not called."""
    if claim.last_error is not None and claim.last_error[0] == error.code:
        return
    data = {
        "status": _status(claim).value, "stage": claim.stage.value, "waitingFor": WaitingFor.VENDOR.value,
        "code": error.code, "reason": tried_again(error.message),
    }  # fmt: skip
    _tell(session, claim, EventType.PROGRESS, data)


def hand_back(session: Session, claim: Claim) -> None:
    """Let go of unfinished work because this worker is stopping; the attempt is given back. Raises: ClaimLost."""
    _fenced(
        session, claim, due_at=db_now(), announce_at=db_now(), attempt=claim.attempt - 1, lease_until=None,
        waiting_for=claim.waited_for,
    )  # fmt: skip


def stumble(session: Session, claim: Claim, error: ServiceError, delay_s: float) -> None:
    """Let go after an error that counts: the attempt is spent, the next is due after `delay_s`. Raises: ClaimLost."""
    _fenced(
        session, claim, waiting_for=WaitingFor.RETRY, due_at=db_now(delay_s), announce_at=db_now(delay_s),
        lease_until=None, error_code=error.code, error_message=error.message,
    )  # fmt: skip
    tidings.note_change(session, claim.clone_id)


def finish(session: Session, claim: Claim, *, vendor_voice_id: str | None = None) -> None:
    """End a job well: the voice is ready, or what was to be removed is gone. Raises: ClaimLost."""
    done = Job.progress if claim.kind is JobKind.CANCEL else 100
    _fenced(
        session, claim, outcome=Outcome.DONE, progress=done, finished_at=db_now(), lease_until=None, waiting_for=None,
        error_code=None, error_message=None,
    )  # fmt: skip
    if claim.kind is JobKind.CANCEL:
        return  # what it removed, and what only a person can, is told by what it saves
    if claim.kind is JobKind.ERASE:
        _tell(session, claim, EventType.ERASED, {"stage": claim.stage.value})
        clones.give_slot_back(session, claim.account_id)
        return
    session.execute(
        update(Clone)
        .where(Clone.id == claim.clone_id)
        .values(status=Status.READY, error_code=None, error_message=None, vendor_voice_id=vendor_voice_id)
    )
    _tell(session, claim, EventType.READY, {"status": Status.READY.value, "training_progress": 100})


def fail(session: Session, claim: Claim, error: ServiceError) -> None:
    """End a job badly, with a code that stays and a sentence that says what to do. Raises: ClaimLost.

    What came with an extension is set aside: no part of the clone, and there for a retry (shared/aside.py).
    """
    _fenced(
        session, claim, outcome=Outcome.FAILED, finished_at=db_now(), lease_until=None, waiting_for=None,
        error_code=error.code, error_message=error.message,
    )  # fmt: skip
    if claim.kind in (JobKind.CREATE, JobKind.ADOPT):
        session.execute(
            update(Clone)
            .where(Clone.id == claim.clone_id)
            .values(status=Status.FAILED, error_code=error.code, error_message=error.message)
        )
    data = {
        "status": (Status.READY if claim.kind is JobKind.EXTEND else Status.FAILED).value,
        "stage": claim.stage.value,
        "code": error.code,
        "error_message": error.message,
    }
    _tell(session, claim, EventType.FAILED, data)


def exhausted(claim: Claim, max_attempts: int) -> ServiceError | None:
    """Return why a claim just taken must end its job: more attempts than allowed ended in death or error."""
    if claim.attempt <= max_attempts:
        return None
    if claim.last_error is None:
        return WorkerLost(attempts=max_attempts)
    code, message = claim.last_error
    error = WorkerLost(message, attempts=max_attempts)
    error.code = code  # type: ignore[misc]  # the stored code is the one that every attempt ended with
    return error


def _status(claim: Claim) -> Status:
    """Return what the voice is while this job runs: one that is only extended stays ready."""
    return Status.READY if claim.kind is JobKind.EXTEND else Status.PROCESSING


def _tell(session: Session, claim: Claim, kind: EventType, data: dict[str, Any]) -> None:
    events.append(
        session, clone_id=claim.clone_id, account_id=claim.account_id, job_id=claim.job_id, kind=kind, data=data
    )


def serves(queues: frozenset[Queue], stage: Stage) -> bool:
    """Tell whether a worker of these queues may go on with this stage itself."""
    return QUEUE_OF[stage] in queues
