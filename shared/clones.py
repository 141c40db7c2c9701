"""Making, changing and deleting clones. Reading them is in views.py; running their jobs is in claims.py.

Functions take the caller's session: the edge opens the transaction and commits it, business code never does.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import func, insert, null, or_, select, update
from sqlalchemy.orm import Session

from shared import erasures, events, jobs, tidings
from shared.db.models import Account, Clone, Sample
from shared.db.moment import db_now
from shared.errors import CloneLimitExceeded
from shared.ownership import not_found, owned
from shared.states import Denoise, EventType, JobKind, Stage, Status, Trim

_ERASURE_S: Final = 5.0  # after which a refused client may ask again; most erasures take less


@dataclass(frozen=True, slots=True)
class NewSample:
    """A recording that is in storage and has no row yet."""

    id: str
    filename: str
    content_type: str | None
    container: str
    size_bytes: int
    sha256: str
    object_key: str


@dataclass(frozen=True, slots=True)
class NewClone:
    """A clone as ordered, checked and complete."""

    id: str
    account_id: str
    name: str
    vendor: str
    engine: str
    samples: tuple[NewSample, ...]
    description: str | None = None
    language: str | None = None
    gender: str | None = None
    denoise: Denoise = Denoise.AUTO
    trim: Trim = Trim.AUTO
    labels: dict[str, Any] = field(default_factory=dict)
    voice_settings: dict[str, Any] = field(default_factory=dict)
    callback_url: str | None = None
    fallbacks: tuple[tuple[str, str], ...] = ()  # (vendor, engine) of those that are asked next, in this order


@dataclass(frozen=True, slots=True)
class CloneChange:
    """What `PUT` and `PATCH` may change; None leaves a field as it is, an empty description takes it away."""

    name: str | None = None
    description: str | None = None
    is_active: bool | None = None


def create(session: Session, new: NewClone, *, max_clones: int, training_typical_s: float) -> str:
    """Write clone, samples, job and first event; return the job's id.

    Raises: CloneLimitExceeded: when the account holds as many clones as it may.
    """
    take_slot(session, new.account_id, max_clones)
    job_id = jobs.new_job_id()
    now = db_now()
    session.execute(
        insert(Clone).values(
            id=new.id, account_id=new.account_id, name=new.name, description=new.description, vendor=new.vendor,
            engine=new.engine, language=new.language, gender=new.gender, denoise=new.denoise, trim=new.trim,
            labels=new.labels, voice_settings=new.voice_settings, callback_url=new.callback_url, is_active=True,
            status=Status.PROCESSING, job_id=job_id, seq=0, created_at=now, updated_at=now,
            fallbacks=[list(one) for one in new.fallbacks] or null(), adopted=False,
        )
    )  # fmt: skip
    for position, sample in enumerate(new.samples):
        session.execute(
            insert(Sample).values(
                id=sample.id, clone_id=new.id, account_id=new.account_id, job_id=job_id, position=position,
                filename=sample.filename, content_type=sample.content_type, container=sample.container,
                size_bytes=sample.size_bytes, sha256=sample.sha256, object_key=sample.object_key, created_at=now,
            )
        )  # fmt: skip
    order = jobs.NewJob(job_id, new.account_id, new.id, new.vendor, new.engine, JobKind.CREATE, Stage.VALIDATE)
    jobs.create(session, order, typical_s=training_typical_s)
    data = {"status": Status.PROCESSING.value, "stage": Stage.VALIDATE.value, "training_progress": 0}
    events.append(
        session, clone_id=new.id, account_id=new.account_id, job_id=job_id, kind=EventType.PROCESSING, data=data
    )
    return job_id


def take_slot(session: Session, account_id: str, max_clones: int) -> None:
    """Count one more clone on the account, if it may have one more: one conditional UPDATE, so that twins cannot pass.

    `max_clones` is the service's limit, 0 for none; the account's own limit goes before it.
    Raises: CloneLimitExceeded.
    """
    allowed = func.coalesce(Account.max_clones, max_clones)
    taken = session.execute(
        update(Account)
        .where(Account.id == account_id, or_(allowed == 0, Account.clones_held < allowed))
        .values(clones_held=Account.clones_held + 1)
        .returning(Account.id)
    ).scalar_one_or_none()
    if taken is None:
        raise _limit_exceeded(session, account_id, max_clones)


def check_slot(session: Session, account_id: str, max_clones: int) -> None:
    """Refuse before the body is read what `take_slot` would refuse after it. Raises: CloneLimitExceeded."""
    held, own = session.execute(select(Account.clones_held, Account.max_clones).where(Account.id == account_id)).one()
    allowed = max_clones if own is None else own
    if allowed and held >= allowed:
        raise _limit_exceeded(session, account_id, max_clones)


def _limit_exceeded(session: Session, account_id: str, max_clones: int) -> CloneLimitExceeded:
    held, own = session.execute(select(Account.clones_held, Account.max_clones).where(Account.id == account_id)).one()
    allowed = max_clones if own is None else own
    listed = session.scalar(
        select(func.count()).select_from(Clone).where(Clone.account_id == account_id, Clone.deleted_at.is_(None))
    )
    being_erased = held - (listed or 0)
    if being_erased > 0 and held - being_erased < allowed:  # nothing that the client could delete is in the way
        return CloneLimitExceeded(
            f"Maximum voice clones reached ({allowed}): {being_erased} of them {'is' if being_erased == 1 else 'are'} "
            "deleted and being erased, and the place is free when that is done. Ask again in a moment.",
            current_count=held,
            max_allowed=allowed,
            being_erased=being_erased,
            retry_after_s=_ERASURE_S,
        )
    return CloneLimitExceeded(
        f"Maximum voice clones reached ({allowed}). Delete existing clones or ask the operator for a higher limit.",
        current_count=held,
        max_allowed=allowed,
    )


def give_slot_back(session: Session, account_id: str) -> None:
    """Count one clone fewer: its erasure is complete."""
    session.execute(update(Account).where(Account.id == account_id).values(clones_held=Account.clones_held - 1))


def change(session: Session, account_id: str, clone_id: str, wish: CloneChange) -> None:
    """Change a clone's name, description or switch. Raises: NotFound."""
    values: dict[str, Any] = {
        name: value
        for name, value in (("name", wish.name), ("description", wish.description), ("is_active", wish.is_active))
        if value is not None
    }
    if wish.description == "":
        values["description"] = None
    changed = session.execute(
        update(Clone).where(*owned(account_id, clone_id)).values(updated_at=db_now(), **values).returning(Clone.id)
    ).scalar_one_or_none()
    if changed is None:
        raise not_found(clone_id)
    tidings.note_change(session, clone_id)


def delete(session: Session, account_id: str, clone_id: str) -> str:
    """Take the clone off the account's list at once and begin its erasure; return the erase job's id.

    A job that is running is fenced off: whatever it writes from now on fails. Its holder may still be storing a file,
    so the erasure waits until the holder has noticed or its lease is over. Raises: NotFound.
    """
    found = session.execute(select(Clone.vendor, Clone.engine).where(*owned(account_id, clone_id))).one_or_none()
    if found is None:
        raise not_found(clone_id)
    ended = jobs.take_over(session, clone_id)
    job_id = jobs.new_job_id()
    deleted = session.execute(
        update(Clone)
        .where(*owned(account_id, clone_id))
        .values(deleted_at=db_now(), updated_at=db_now(), is_active=False, job_id=job_id)
        .returning(Clone.id)
    ).scalar_one_or_none()
    if deleted is None:
        raise not_found(clone_id)
    tidings.note_change(session, clone_id)
    # Whoever began a job at this very moment has committed by now: its row could not be seen before.
    ended = jobs.take_over(session, clone_id) or ended
    leased_until = None if ended is None else ended.leased_until
    vendor, engine = found
    jobs.create(
        session, jobs.NewJob(job_id, account_id, clone_id, vendor, engine, JobKind.ERASE, Stage.SUBMIT, leased_until)
    )
    erasures.request(session, clone_id, account_id, job_id)
    return job_id
