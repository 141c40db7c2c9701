"""Tombstones: the proof that a clone was erased, kept when nothing else of it is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shared.db.models import Erasure, Job
from shared.db.moment import db_now
from shared.errors import NotFound
from shared.states import tried_again


@dataclass(frozen=True, slots=True)
class ErasedVoice:
    """A voice at a vendor and what became of it: `deleted`, or `unsupported` with what a person must do."""

    vendor: str
    voice_id: str
    outcome: str
    code: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class ErasureView:
    """How far an erasure is. `last_error` is what it waits for, as (code, message)."""

    clone_id: str
    requested_at: datetime
    completed_at: datetime | None
    voices: tuple[ErasedVoice, ...]
    objects_deleted: int
    last_error: tuple[str, str] | None


def request(session: Session, clone_id: str, account_id: str, job_id: str) -> None:
    """Set up the tombstone when the clone is deleted."""
    session.execute(
        insert(Erasure).values(
            clone_id=clone_id, account_id=account_id, job_id=job_id, requested_at=db_now(), objects_deleted=0
        )
    )


def complete(session: Session, clone_id: str, voices: Sequence[ErasedVoice], objects_deleted: int) -> None:
    """Write what was erased."""
    values = {"completed_at": db_now(), "voices": [asdict(voice) for voice in voices]}
    session.execute(
        update(Erasure)
        .where(Erasure.clone_id == clone_id)
        .values(objects_deleted=Erasure.objects_deleted + objects_deleted, **values)
    )


def get(session: Session, account_id: str, clone_id: str) -> ErasureView:
    """Return the tombstone of a deleted clone. Raises: NotFound: none of this account's was deleted under this id."""
    row = session.execute(
        select(Erasure, Job.error_code, Job.error_message)
        .join(Job, Job.id == Erasure.job_id)
        .where(Erasure.clone_id == clone_id, Erasure.account_id == account_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"No voice clone '{clone_id[:40]}' of this account was deleted.")
    erasure, code, message = row
    return ErasureView(
        clone_id=clone_id,
        requested_at=erasure.requested_at,
        completed_at=erasure.completed_at,
        voices=tuple(ErasedVoice(**voice) for voice in erasure.voices or ()),
        objects_deleted=erasure.objects_deleted,
        last_error=None if erasure.completed_at is not None or code is None else (code, tried_again(message)),
    )
