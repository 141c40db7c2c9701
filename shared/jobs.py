"""Jobs before anyone holds them: made, due, announced, taken over. What a holder may do is in claims.py."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from shared.db.models import Job, WorkerPresence
from shared.db.moment import db_now
from shared.estimates import estimate
from shared.ids import JOB, new_id
from shared.states import QUEUE_OF, RELENTLESS, JobKind, Outcome, Queue, Stage

BELL_HEAD_START_S: Final = 1.0  # whoever makes a job due rings the bell itself; the relay steps in after this
REANNOUNCE_S: Final = 10.0  # doubling from here
REANNOUNCE_MAX_S: Final = 600.0
SMALLEST_WINDOW: Final = 32
PRESENCE_S: Final = 45.0  # a worker not seen for this long no longer counts


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is born: due at once, or not before a moment."""

    id: str
    account_id: str
    clone_id: str
    vendor: str
    engine: str
    kind: JobKind
    stage: Stage
    not_before: datetime | None = None
    held_sample_id: str | None = None  # what an `extend` takes away instead of adding
    progress: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that was live until it was taken over.

    Attributes:
        was_begun: Somebody has held it at this stage.
        leased_until: Until when a holder may believe that it is still its own, and be in the middle of something.
    """

    id: str
    kind: JobKind
    stage: Stage
    vendor: str
    engine: str
    held_sample_id: str | None
    progress: int
    was_begun: bool
    leased_until: datetime | None


@dataclass(frozen=True, slots=True)
class Announced:
    """Jobs that are rung for now.

    Attributes:
        expired: How many of them had a holder whose lease ran out, and are rung for the first time since.
        again: How many were rung for before, and not taken in time.
    """

    ids: list[str]
    expired: int
    again: int


def new_job_id() -> str:
    return new_id(JOB)


def create(session: Session, new: NewJob, *, typical_s: float | None = None) -> None:
    """Write a job. The partial unique index refuses a second live one for the clone."""
    eta = {} if typical_s is None else estimate(session, new.vendor, new.engine, typical_s).moments()
    session.execute(
        insert(Job).values(
            id=new.id, account_id=new.account_id, clone_id=new.clone_id, vendor=new.vendor, engine=new.engine,
            kind=new.kind, stage=new.stage, queue=QUEUE_OF[new.stage], progress=new.progress,
            told_progress=new.progress, told_at=db_now(),
            due_at=new.not_before or db_now(), waits=0, attempt=0,
            fence=0, announcements=0, announce_at=db_now(BELL_HEAD_START_S), created_at=db_now(), updated_at=db_now(),
            stage_started_at=db_now(), held_sample_id=new.held_sample_id, **eta,
        )
    )  # fmt: skip


def take_over(session: Session, clone_id: str, kinds: Collection[JobKind] = tuple(JobKind)) -> Ended | None:
    """End the clone's live job, if it has one of these kinds, by raising its fence: its holder's next write fails."""
    row = session.execute(
        select(
            Job.id, Job.kind, Job.stage, Job.vendor, Job.engine, Job.held_sample_id, Job.progress, Job.attempt,
            Job.waits, Job.lease_until,
        )
        .where(Job.clone_id == clone_id, Job.outcome.is_(None), Job.kind.in_(kinds))
        .with_for_update()
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    session.execute(
        update(Job)
        .where(Job.id == row.id)
        .values(
            outcome=Outcome.CANCELED, fence=Job.fence + 1, lease_until=None, waiting_for=None, finished_at=db_now(),
            updated_at=db_now(),
        )
    )  # fmt: skip
    return Ended(
        row.id, row.kind, row.stage, row.vendor, row.engine, row.held_sample_id, row.progress,
        row.attempt + row.waits > 0, row.lease_until,
    )  # fmt: skip


def hasten_removal(session: Session, clone_id: str) -> None:
    """Let an erasure or a removal begin now that waited for another job's holder: that one has stopped."""
    removing = Job.clone_id == clone_id, Job.kind.in_(RELENTLESS), Job.outcome.is_(None), Job.lease_until.is_(None)
    session.execute(
        update(Job)
        .where(*removing, Job.waits == 0, Job.due_at > db_now())
        .values(due_at=db_now(), announce_at=db_now())
    )


def runnable(queue: Queue | None = None) -> list[ColumnElement[bool]]:
    """Return the conditions of a job that a worker may claim now."""
    conditions = [
        Job.outcome.is_(None),
        Job.due_at <= db_now(),
        or_(Job.lease_until.is_(None), Job.lease_until < db_now()),
    ]
    return conditions if queue is None else [Job.queue == queue, *conditions]


def anything_to_announce(session: Session, queue: Queue) -> bool:
    """Tell whether `announce_due` may find something: a read, so that an idle relay writes nothing."""
    return session.scalar(select(Job.id).where(*runnable(queue), Job.announce_at <= db_now()).limit(1)) is not None


def announce_due(session: Session, queue: Queue) -> Announced:
    """Choose which jobs to ring for now and note that they were.

    New ones are taken round-robin by account, so that no backlog starves a neighbour, as far as the window has room;
    those that were announced and not claimed in time are announced again, ever less often.
    """
    waiting = session.scalar(select(func.count()).where(*runnable(queue), Job.announcements > 0)) or 0
    again = session.execute(
        select(Job.id, Job.announcements)
        .where(*runnable(queue), Job.announcements > 0, Job.announce_at <= db_now())
        .order_by(Job.announce_at)
        .limit(window(session, queue))
    ).all()
    turn = func.row_number().over(partition_by=Job.account_id, order_by=(Job.due_at, Job.id)).label("turn")
    ranked = (
        select(Job.id, Job.due_at, Job.lease_until, turn)
        .where(*runnable(queue), Job.announcements == 0, Job.announce_at <= db_now())
        .subquery()
    )
    room = max(0, window(session, queue) - waiting)
    fresh = session.execute(
        select(ranked.c.id, ranked.c.lease_until).order_by(ranked.c.turn, ranked.c.due_at).limit(room)
    ).all()
    _note_announced(session, [(row.id, 0) for row in fresh] + [(row.id, row.announcements) for row in again])
    expired = sum(row.lease_until is not None for row in fresh)
    return Announced([row.id for row in (*fresh, *again)], expired=expired, again=len(again))


def _note_announced(session: Session, chosen: Sequence[tuple[str, int]]) -> None:
    by_count: dict[int, list[str]] = {}
    for job_id, announcements in chosen:
        by_count.setdefault(announcements, []).append(job_id)
    for announcements, ids in by_count.items():
        pause_s = min(REANNOUNCE_S * 2.0 ** min(announcements, 10), REANNOUNCE_MAX_S)
        session.execute(
            update(Job).where(Job.id.in_(ids)).values(announcements=announcements + 1, announce_at=db_now(pause_s))
        )


def forget_announcements(session: Session, job_ids: Sequence[str] | None = None) -> None:
    """Treat announcements as never made: those of these jobs, or all when the broker came back without its memory."""
    lost = [Job.outcome.is_(None), Job.announcements > 0]
    if job_ids is not None:
        lost.append(Job.id.in_(job_ids))
    session.execute(update(Job).where(*lost).values(announcements=0, announce_at=db_now()))


def window(session: Session, queue: Queue) -> int:
    """Return how many announced jobs a queue may hold: twice the slots of its live workers, at least 32."""
    present = session.scalars(select(WorkerPresence).where(WorkerPresence.seen_at > db_now(-PRESENCE_S)))
    return max(SMALLEST_WINDOW, 2 * sum(worker.slots for worker in present if queue in worker.queues))


def note_presence(session: Session, worker_id: str, queues: Sequence[Queue], slots: int) -> None:
    """Say that a worker is alive, and drop those that have not said so for long."""
    values: dict[str, Any] = {"queues": [queue.value for queue in queues], "slots": slots, "seen_at": db_now()}
    known = session.execute(
        update(WorkerPresence).where(WorkerPresence.id == worker_id).values(**values).returning(WorkerPresence.id)
    ).scalar_one_or_none()
    if known is None:
        session.execute(insert(WorkerPresence).values(id=worker_id, **values))
    session.execute(delete(WorkerPresence).where(WorkerPresence.seen_at < db_now(-20 * PRESENCE_S)))
