"""Clones that wait until a person has proved whose voice it is: what waits where, and going on when it was done."""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.models import Clone, Job
from shared.db.moment import db_now
from shared.errors import VerificationNotRequired
from shared.ownership import not_found, owned
from shared.states import WaitingFor


@dataclass(frozen=True, slots=True)
class Unproven:
    """A voice at a vendor that waits for its person."""

    clone_id: str
    job_id: str
    vendor: str
    engine: str
    vendor_voice_id: str


def waiting(session: Session, account_id: str, clone_id: str) -> Unproven:
    """Return the voice of a clone that waits for a person. Raises: CloneNotFound, VerificationNotRequired."""
    row = session.execute(
        select(
            Clone.vendor_voice_id, Job.id, Job.vendor, Job.engine, Job.waiting_for, Job.outcome
        )
        .join(Job, Job.id == Clone.job_id)
        .where(*owned(account_id, clone_id))
    ).one_or_none()  # fmt: skip
    if row is None:
        raise not_found(clone_id)
    if row.outcome is not None or row.waiting_for is not WaitingFor.VERIFICATION or row.vendor_voice_id is None:
        raise VerificationNotRequired
    return Unproven(clone_id, row.id, row.vendor, row.engine, row.vendor_voice_id)


def hasten(session: Session, job_id: str) -> None:
    """Let a job look now whether its person's proof was accepted, instead of when it would have looked again."""
    resting = Job.id == job_id, Job.outcome.is_(None), Job.lease_until.is_(None), Job.due_at > db_now()
    session.execute(update(Job).where(*resting).values(due_at=db_now(), announce_at=db_now()))
