"""Changing a voice that exists: samples added or taken away, by a job with the same guarantees as a creation."""

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import aside, events, held, jobs
from shared.clones import NewSample
from shared.db.models import Clone, HeldSample, Sample
from shared.db.moment import db_now
from shared.errors import CloneBusy, ExtensionUnsupported, NotFound, SampleLimitExceeded
from shared.ownership import not_found, owned
from shared.states import EventType, JobKind, Stage, Status
from shared.vendors import Vendors
from shared.vendors.engines import Engine


def check(session: Session, vendors: Vendors, account_id: str, clone_id: str, adding: int = 1) -> Engine:
    """Return the engine of a clone that can take so many samples more; nothing is written, no vendor is called.

    Raises: CloneNotFound, CloneBusy, ExtensionUnsupported, SampleLimitExceeded.
    """
    clone = session.scalars(select(Clone).where(*owned(account_id, clone_id))).one_or_none()
    if clone is None:
        raise not_found(clone_id)
    engine = vendors[clone.vendor].engines[clone.engine]
    if not engine.abilities.adds_samples:
        raise ExtensionUnsupported(
            f"Voices of {clone.vendor}/{clone.engine} take no further samples; create a new clone with all recordings.",
            vendor=clone.vendor,
            engine=clone.engine,
        )
    if clone.status is not Status.READY:
        raise CloneBusy(f"The clone is '{clone.status}'; samples can be added when it is ready.", status=clone.status)
    most, has = engine.abilities.max_samples, held.count(session, clone_id)
    if most is not None and has + adding > most:
        raise SampleLimitExceeded(
            f"Cannot add {adding} sample(s): the voice has {has}, and {clone.vendor}/{clone.engine} takes at most "
            f"{most}. Take some away first (DELETE …/samples/ID).",
            current_count=has,
            adding=adding,
            max_allowed=most,
        )
    return engine


def add(session: Session, vendors: Vendors, account_id: str, clone_id: str, samples: tuple[NewSample, ...]) -> str:
    """Begin to add recordings to a voice; return the job's id. Raises: what `check` raises."""
    engine = check(session, vendors, account_id, clone_id, len(samples))
    job_id = _begin(session, account_id, clone_id, Stage.VALIDATE, engine.training_typical_s)
    last = session.scalar(select(func.max(Sample.position)).where(Sample.clone_id == clone_id))
    for position, sample in enumerate(samples, start=0 if last is None else last + 1):
        session.execute(
            insert(Sample).values(
                id=sample.id, clone_id=clone_id, account_id=account_id, job_id=job_id, position=position,
                filename=sample.filename, content_type=sample.content_type, container=sample.container,
                size_bytes=sample.size_bytes, sha256=sample.sha256, object_key=sample.object_key, created_at=db_now(),
            )
        )  # fmt: skip
    return job_id


def remove(session: Session, vendors: Vendors, account_id: str, clone_id: str, held_sample_id: str) -> str:
    """Begin to take a sample away from a voice; return the job's id.

    Raises: CloneNotFound, NotFound, CloneBusy, ExtensionUnsupported.
    """
    clone = session.scalars(select(Clone).where(*owned(account_id, clone_id))).one_or_none()
    if clone is None:
        raise not_found(clone_id)
    engine = vendors[clone.vendor].engines[clone.engine]
    if not engine.abilities.deletes_samples:
        raise ExtensionUnsupported(f"Of voices of {clone.vendor}/{clone.engine} no single sample can be taken away.")
    found = session.scalar(
        select(HeldSample.id).where(HeldSample.clone_id == clone_id, HeldSample.id == held_sample_id)
    )
    if found is None:
        raise NotFound(
            f"The vendor holds no sample '{held_sample_id[:40]}' of this voice; 'vendorSamples' at …/samples lists "
            "those that it holds."
        )
    if clone.status is not Status.READY:
        raise CloneBusy(f"The clone is '{clone.status}'; samples can be taken away when it is ready.")
    return _begin(session, account_id, clone_id, Stage.SUBMIT, engine.training_typical_s, held_sample_id)


def _begin(
    session: Session, account_id: str, clone_id: str, stage: Stage, typical_s: float, held_sample_id: str | None = None
) -> str:
    """Write the job: the partial unique index refuses a second live one. Raises: CloneBusy."""
    vendor, engine = session.execute(select(Clone.vendor, Clone.engine).where(Clone.id == clone_id)).one()
    job_id = jobs.new_job_id()
    order = jobs.NewJob(
        job_id, account_id, clone_id, vendor, engine, JobKind.EXTEND, stage, held_sample_id=held_sample_id
    )
    try:
        with session.begin_nested():
            jobs.create(session, order, typical_s=typical_s)
    except IntegrityError:
        raise CloneBusy("The clone has a job that is not done yet; ask again when 'job.outcome' is set.") from None
    failed = aside.job_of(session, clone_id)
    if failed is not None:
        aside.drop(session, clone_id, failed)
    session.execute(update(Clone).where(Clone.id == clone_id).values(job_id=job_id, updated_at=db_now()))
    data = {"status": Status.READY.value, "stage": stage.value, "job": JobKind.EXTEND.value}
    events.append(
        session, clone_id=clone_id, account_id=account_id, job_id=job_id, kind=EventType.PROCESSING, data=data
    )
    return job_id
