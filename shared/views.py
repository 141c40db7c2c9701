"""Clones as they are read: one row of the clone and one of its newest job, in one query."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, case, exists, func, or_, select, true
from sqlalchemy.orm import Session

from shared import aside
from shared.db.models import Clone, HeldSample, Job, Sample
from shared.db.moment import db_now
from shared.errors import NotFound
from shared.ownership import not_found, owned
from shared.states import CANCELABLE, JobKind, Outcome, Stage, Status, WaitingFor, tried_again


@dataclass(frozen=True, slots=True)
class CloneView:
    """A clone at one moment. `progress` is 0-100, and 100 only when the voice is ready.

    `warnings` are of its recordings: `filename`, `sample_id` and `warning` of each.
    """

    id: str
    name: str
    description: str | None
    vendor: str
    engine: str
    language: str | None
    gender: str | None
    denoise: str
    trim: str
    labels: dict[str, Any]
    voice_settings: dict[str, Any]
    callback_url: str | None
    is_active: bool
    sample_count: int
    status: Status
    progress: int
    stage: Stage | None
    waiting_for: WaitingFor | None
    eta_s: float | None
    eta_range_s: tuple[float, float] | None  # None: nothing honest can be said
    is_terminal: bool
    is_cancelable: bool
    is_retryable: bool
    vendor_voice_id: str | None
    fallbacks: tuple[str, ...]  # as `vendor/engine`
    adopted: bool
    notes: tuple[str, ...]
    error_code: str | None
    error_message: str | None
    warnings: tuple[Mapping[str, str], ...]
    job_id: str
    job_kind: JobKind
    job_outcome: Outcome | None
    job_progress: int
    last_error: tuple[str, str] | None  # what a live job waits for, or why one failed that left the voice as it was
    seq: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ClonePage:
    """A page of an account's clones, newest first, and how many there are in all."""

    clones: tuple[CloneView, ...]
    total: int


@dataclass(frozen=True, slots=True)
class SampleView:
    """A recording as uploaded, and what was measured of it."""

    id: str
    filename: str
    container: str
    size_bytes: int
    sha256: str
    object_key: str
    inspection: dict[str, Any] | None
    created_at: datetime


def get(session: Session, account_id: str, clone_id: str) -> CloneView:
    """Return one clone. Raises: NotFound."""
    row = session.execute(_query(account_id).where(Clone.id == clone_id)).one_or_none()
    if row is None:
        raise not_found(clone_id)
    return view_of(row)


def page(session: Session, account_id: str, *, limit: int, offset: int) -> ClonePage:
    """Return `limit` clones after `offset`, newest first."""
    rows = session.execute(
        _query(account_id).order_by(Clone.created_at.desc(), Clone.id.desc()).limit(limit).offset(offset)
    ).all()
    total = session.scalar(
        select(func.count()).select_from(Clone).where(Clone.account_id == account_id, Clone.deleted_at.is_(None))
    )
    return ClonePage(tuple(view_of(row) for row in rows), total or 0)


def samples(session: Session, account_id: str, clone_id: str) -> tuple[SampleView, ...]:
    """Return a clone's recordings in the order of their upload. Raises: NotFound."""
    if session.scalar(select(Clone.id).where(*owned(account_id, clone_id))) is None:
        raise not_found(clone_id)
    rows = session.scalars(
        select(Sample).join(Clone, Clone.id == Sample.clone_id).join(Job, Job.id == Clone.job_id)
        .where(Sample.clone_id == clone_id, aside.belongs(Sample)).order_by(Sample.position)
    )  # fmt: skip
    return tuple(_sample_view(row) for row in rows)


def sample(session: Session, account_id: str, clone_id: str, sample_id: str) -> SampleView:
    """Return one recording of a clone. Raises: NotFound."""
    for view in samples(session, account_id, clone_id):
        if view.id == sample_id:
            return view
    raise NotFound(f"There is no recording '{sample_id[:40]}' of voice clone '{clone_id[:40]}'.")


def peaks(session: Session, sample_id: str) -> list[list[int]] | None:
    """Return a recording's waveform as [lowest, highest] pairs in -127..127, or None before it was measured.

    Apart from `sample`, because it is long and only ever read to be drawn.
    """
    return session.scalar(select(Sample.peaks).where(Sample.id == sample_id))


def _sample_view(row: Sample) -> SampleView:
    return SampleView(
        id=row.id, filename=row.filename, container=row.container, size_bytes=row.size_bytes, sha256=row.sha256,
        object_key=row.object_key, inspection=row.inspection, created_at=row.created_at,
    )  # fmt: skip


def _query(account_id: str) -> Select[Any]:
    return (
        select(*COLUMNS)
        .join(Job, Job.id == Clone.job_id)
        .where(Clone.account_id == account_id, Clone.deleted_at.is_(None))
    )


_PART = Sample.clone_id == Clone.id, aside.belongs(Sample)
_UPLOADED = select(func.count()).where(*_PART).correlate(Clone, Job).scalar_subquery()
_HELD = select(func.count()).where(HeldSample.clone_id == Clone.id).correlate(Clone).scalar_subquery()
# Of an adopted voice only its vendor knows the samples; of another they are made of the recordings.
_SAMPLES = case((Clone.adopted, _HELD), else_=_UPLOADED)

# A failed extension can be tried again while its recordings are still there.
_OWN = exists().where(Sample.clone_id == Clone.id, Sample.job_id == Clone.job_id).correlate(Clone)
_IS_KEPT = case((aside.FAILED_EXTENSION, or_(Job.held_sample_id.is_not(None), _OWN)), else_=true())

# Columns and not rows of the models: nothing here is written back, and a poll is answered twice as fast without them.
COLUMNS: Final = (
    Clone.id, Clone.name, Clone.description, Clone.vendor, Clone.engine, Clone.language, Clone.gender, Clone.denoise,
    Clone.trim, Clone.labels, Clone.voice_settings, Clone.callback_url, Clone.is_active, Clone.status,
    Clone.vendor_voice_id, Clone.adopted, Clone.notes, Clone.fallbacks, Clone.error_code, Clone.error_message,
    Clone.warnings, Clone.job_id, Clone.seq, Clone.created_at, Clone.updated_at,
    Job.progress, Job.stage, Job.waiting_for, Job.due_at, Job.lease_until, Job.eta_at, Job.eta_low_at,
    Job.eta_high_at, Job.held_sample_id,
    Job.kind.label("job_kind"), Job.outcome.label("job_outcome"), Job.updated_at.label("job_updated_at"),
    Job.error_code.label("job_error_code"), Job.error_message.label("job_error_message"),
    _SAMPLES.label("samples"), _IS_KEPT.label("is_kept"), db_now().label("now"),
)  # fmt: skip


def _last_error(row: Any) -> tuple[str, str] | None:
    if row.job_outcome is None and row.job_error_code is not None:
        return row.job_error_code, tried_again(row.job_error_message)
    if not _is_failed_extension(row):
        return None
    return row.job_error_code or "", row.job_error_message or ""


def _is_failed_extension(row: Any) -> bool:
    return row.job_kind is JobKind.EXTEND and row.job_outcome is Outcome.FAILED


def _is_live(row: Any) -> bool:
    """Tell whether something is still to come of the clone; what a cancel leaves to be removed is its vendor's."""
    return row.job_outcome is None and row.job_kind is not JobKind.CANCEL


def _is_cancelable(row: Any) -> bool:
    is_taken_away = row.held_sample_id is not None and row.stage is Stage.TRACK  # and does not come back
    return _is_live(row) and row.job_kind in CANCELABLE and not is_taken_away


def _is_retryable(row: Any) -> bool:
    failed = row.job_outcome is Outcome.FAILED
    return failed and (row.job_kind is JobKind.CREATE or (row.job_kind is JobKind.EXTEND and bool(row.is_kept)))


def _warnings(row: Any) -> tuple[Mapping[str, str], ...]:
    """Return what is wrong with the recordings that are part of the clone."""
    if not _is_failed_extension(row):
        return tuple(row.warnings or ())
    return tuple(warning for warning in row.warnings or () if warning.get("job_id") != row.job_id)


def _waiting_for(row: Any) -> WaitingFor | None:
    """Return whom a live job waits for. One that is held waits for nobody, one that is due only for a slot of ours."""
    if not _is_live(row) or row.lease_until is not None:
        return None
    # A person is waited for until it is found out that they have acted.
    return row.waiting_for if row.due_at > row.now or row.waiting_for is WaitingFor.VERIFICATION else None


def _eta_range_s(row: Any) -> tuple[float, float] | None:
    """Return between which seconds from now a live job ends; nobody knows of one that took longer than others."""
    if row.eta_low_at is None or row.eta_high_at is None or row.eta_high_at <= row.now:
        return None
    return max(0.0, (row.eta_low_at - row.now).total_seconds()), (row.eta_high_at - row.now).total_seconds()


def view_of(row: Any) -> CloneView:
    """Return what a row of `COLUMNS` tells."""
    live = _is_live(row)
    ready = row.status is Status.READY
    is_known = live and row.eta_at is not None and row.waiting_for is not WaitingFor.VERIFICATION  # who knows a person?
    eta_s = (row.eta_at - row.now).total_seconds() if is_known else None
    return CloneView(
        id=row.id, name=row.name, description=row.description, vendor=row.vendor, engine=row.engine,
        language=row.language, gender=row.gender, denoise=row.denoise, trim=row.trim, labels=row.labels,
        voice_settings=row.voice_settings, callback_url=row.callback_url, is_active=row.is_active,
        sample_count=row.samples, status=row.status, progress=100 if ready else min(row.progress, 99),
        stage=row.stage if live else None, waiting_for=_waiting_for(row),
        eta_s=eta_s if eta_s is not None and eta_s > 0 else None,
        eta_range_s=_eta_range_s(row) if is_known else None, is_terminal=not live,
        is_cancelable=_is_cancelable(row), is_retryable=_is_retryable(row),
        vendor_voice_id=row.vendor_voice_id, adopted=row.adopted, notes=tuple(row.notes or ()),
        fallbacks=tuple("/".join(one) for one in row.fallbacks or ()),
        error_code=row.error_code, error_message=row.error_message,
        warnings=_warnings(row), job_id=row.job_id, job_kind=row.job_kind, job_outcome=row.job_outcome,
        job_progress=row.progress, last_error=_last_error(row), seq=row.seq,
        created_at=row.created_at, updated_at=max(row.updated_at, row.job_updated_at),
    )  # fmt: skip
