"""Recordings of an extension that failed: kept so that it can be tried again, and no part of the clone meanwhile.

They are set aside for as long as the failed job is the clone's newest, a day at the most. So one look at the newest job
tells whether there are any, and whose.
"""

from typing import Final

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from shared.db.models import Clone, Job, PreparedFile, Sample
from shared.db.moment import db_now
from shared.states import JobKind, Outcome

KEPT_S: Final = 24 * 3600.0

# Of a clone's newest job: what came with it is set aside.
FAILED_EXTENSION: Final[ColumnElement[bool]] = and_(Job.kind == JobKind.EXTEND, Job.outcome == Outcome.FAILED)


def belongs(table: type[Sample] | type[PreparedFile]) -> ColumnElement[bool]:
    """Return under which condition a recording or prepared file is part of its clone, beside `Clone` and newest `Job`.

    Spelled out and not as the negation of the above: a job that runs has no outcome, and NULL is not true either way.
    """
    return or_(
        table.job_id != Clone.job_id,
        Job.kind != JobKind.EXTEND,
        Job.outcome.is_(None),
        Job.outcome != Outcome.FAILED,
    )


def job_of(session: Session, clone_id: str) -> str | None:
    """Return the job whose recordings are set aside, if any are."""
    return session.scalar(
        select(Job.id).join(Clone, Clone.job_id == Job.id).where(Clone.id == clone_id, FAILED_EXTENSION)
    )


def drop(session: Session, clone_id: str, job_id: str) -> list[str]:
    """Take what came with a job from its clone for good; return the keys of its objects, which the sweep takes too."""
    keys: list[str] = []
    for table in (PreparedFile, Sample):
        gone = delete(table).where(table.clone_id == clone_id, table.job_id == job_id).returning(table.object_key)
        keys += session.execute(gone).scalars()
    warnings = session.scalar(select(Clone.warnings).where(Clone.id == clone_id)) or []
    kept = [warning for warning in warnings if warning.get("job_id") != job_id]
    if len(kept) < len(warnings):
        session.execute(update(Clone).where(Clone.id == clone_id).values(warnings=kept))
    return keys


def any_expired(session: Session) -> bool:
    """Tell whether `drop_expired` would find something: a read, so that an idle relay writes nothing."""
    return session.scalar(_expired().limit(1)) is not None


def drop_expired(session: Session) -> list[str]:
    """Take what has been set aside for a day; return the keys of its objects.

    The job is locked first: whoever tries it again at this moment either has it before us, or finds nothing.
    """
    keys: list[str] = []
    for job_id in session.scalars(_expired()).unique().all():
        clone_id = session.scalar(select(Job.clone_id).where(Job.id == job_id, FAILED_EXTENSION).with_for_update())
        if clone_id is not None:
            keys += drop(session, clone_id, job_id)
    return keys


def _expired() -> Select[str]:
    return (
        select(Job.id)
        .join(Sample, Sample.job_id == Job.id)
        .where(FAILED_EXTENSION, Job.finished_at < db_now(-KEPT_S))
        .distinct()
    )
