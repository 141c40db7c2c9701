"""The tables. Every row that belongs to somebody carries the account; every time is the database's (see moment.py)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.callbacks import Delivery, DeliveryAttempt, WebhookEndpoint
from shared.db.columns import Base, Json, word
from shared.db.dealings import EnginePause, Erasure, HeldSample, Submission, VendorCall, VendorGate
from shared.states import Denoise, EventType, JobKind, Outcome, Queue, Stage, Status, Trim, WaitingFor

__all__ = [
    "Account",
    "ApiKey",
    "Base",
    "Clone",
    "Delivery",
    "DeliveryAttempt",
    "EnginePause",
    "Erasure",
    "Event",
    "HeldSample",
    "IdempotencyKey",
    "Job",
    "PreparedFile",
    "Sample",
    "Submission",
    "VendorCall",
    "VendorGate",
    "WebhookEndpoint",
    "WorkerPresence",
]


class Account(Base):
    """Who owns keys, clones and limits."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    clones_held: Mapped[int] = mapped_column(default=0)
    max_clones: Mapped[int | None]  # None: the setting MAX_CLONES_PER_USER
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A key at rest: its SHA-256 and a hint to recognise it by. The key itself is shown once and kept nowhere."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Clone(Base):
    """A voice that an account wants or has."""

    __tablename__ = "clones"
    __table_args__ = (
        Index("ix_clones_account_created", "account_id", "created_at"),
        # A voice belongs to one clone, also when two requests adopt it at once.
        Index(
            "uq_clones_voice",
            "vendor",
            "vendor_voice_id",
            unique=True,
            sqlite_where=text("vendor_voice_id IS NOT NULL"),
            postgresql_where=text("vendor_voice_id IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str]
    description: Mapped[str | None] = mapped_column(Text)
    vendor: Mapped[str] = mapped_column(String(32))
    engine: Mapped[str] = mapped_column(String(32))
    language: Mapped[str | None] = mapped_column(String(32))
    gender: Mapped[str | None] = mapped_column(String(16))
    denoise: Mapped[Denoise] = mapped_column(word(Denoise))
    trim: Mapped[Trim] = mapped_column(word(Trim))
    labels: Mapped[Json]
    voice_settings: Mapped[Json]
    callback_url: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(default=True)
    status: Mapped[Status] = mapped_column(word(Status))
    fallbacks: Mapped[list[list[str]] | None]  # [vendor, engine] of those that are asked next, in this order
    vendor_voice_id: Mapped[str | None]
    adopted: Mapped[bool] = mapped_column(default=False)  # the voice was made by somebody else and is only kept here
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[list[str] | None]  # what a vendor said of the voice that its owner should know
    warnings: Mapped[list[Json] | None]  # what `validate` says of the recordings: filename, sample_id, warning
    job_id: Mapped[str] = mapped_column(String(40))  # the newest job
    seq: Mapped[int] = mapped_column(default=0)  # the newest event
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class Sample(Base):
    """One uploaded recording, kept as it came."""

    __tablename__ = "samples"
    __table_args__ = (UniqueConstraint("clone_id", "position"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    clone_id: Mapped[str] = mapped_column(ForeignKey("clones.id"))
    account_id: Mapped[str] = mapped_column(String(40))
    job_id: Mapped[str] = mapped_column(String(40))  # the job that it came with
    position: Mapped[int]
    filename: Mapped[str]
    content_type: Mapped[str | None]
    container: Mapped[str] = mapped_column(String(16))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    object_key: Mapped[str] = mapped_column(unique=True)
    inspection: Mapped[Json | None]
    # A waveform as [lowest, highest] pairs in -127..127: kilobytes that only a drawing needs.
    peaks: Mapped[list[list[int]] | None] = mapped_column(deferred=True)
    created_at: Mapped[datetime]


class PreparedFile(Base):
    """One file that was made for the vendor, of one or more of a clone's recordings."""

    __tablename__ = "prepared_files"

    clone_id: Mapped[str] = mapped_column(ForeignKey("clones.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1, in the order of sending
    account_id: Mapped[str] = mapped_column(String(40))
    job_id: Mapped[str] = mapped_column(String(40))  # the job that it was made for
    object_key: Mapped[str] = mapped_column(unique=True)
    container: Mapped[str] = mapped_column(String(16))
    rate_hz: Mapped[int]
    duration_s: Mapped[float]
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    cleaned: Mapped[bool]  # noise was removed from some of it
    preparation: Mapped[Json]  # the recipe, and what was measured before and after
    peaks: Mapped[list[list[int]] | None] = mapped_column(deferred=True)
    created_at: Mapped[datetime]


class Job(Base):
    """One run of a clone through the pipeline: where it is, who holds it, when it is due."""

    __tablename__ = "jobs"
    __table_args__ = (
        # A clone has at most one live job; the database says so, not our good manners.
        Index(
            "uq_jobs_live_clone",
            "clone_id",
            unique=True,
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
        Index(
            "ix_jobs_due",
            "queue",
            "due_at",
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
        Index("ix_jobs_clone", "clone_id"),
        Index("ix_jobs_history", "vendor", "engine", "finished_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(40))
    clone_id: Mapped[str] = mapped_column(ForeignKey("clones.id"))
    vendor: Mapped[str] = mapped_column(String(32))
    engine: Mapped[str] = mapped_column(String(32))
    kind: Mapped[JobKind] = mapped_column(word(JobKind))
    stage: Mapped[Stage] = mapped_column(word(Stage))
    queue: Mapped[Queue] = mapped_column(word(Queue))
    held_sample_id: Mapped[str | None] = mapped_column(String(40))  # what an `extend` takes away instead of adding
    outcome: Mapped[Outcome | None] = mapped_column(word(Outcome))
    waiting_for: Mapped[WaitingFor | None] = mapped_column(word(WaitingFor))
    progress: Mapped[int] = mapped_column(default=0)  # percent of the whole job
    told_progress: Mapped[int] = mapped_column(default=0)  # what the newest line of the history says of it
    told_at: Mapped[datetime | None]
    eta_at: Mapped[datetime | None]
    eta_low_at: Mapped[datetime | None]  # nine of ten of the last runs ended between the two
    eta_high_at: Mapped[datetime | None]
    retries: Mapped[int] = mapped_column(default=0)  # how often its owner had it tried again after it failed

    due_at: Mapped[datetime]
    waits: Mapped[int] = mapped_column(default=0)  # clean waits in a row at this stage: what back-off grows by
    attempt: Mapped[int] = mapped_column(
        default=0
    )  # claims of this stage that did not end cleanly, and the one running
    fence: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None]
    announcements: Mapped[int] = mapped_column(default=0)
    announce_at: Mapped[datetime]

    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    stage_started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Event(Base):
    """A line of a clone's append-only history; `seq` counts from 1 without gaps."""

    __tablename__ = "events"

    clone_id: Mapped[str] = mapped_column(ForeignKey("clones.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(String(40))
    job_id: Mapped[str] = mapped_column(String(40))
    type: Mapped[EventType] = mapped_column(word(EventType))
    data: Mapped[Json]
    at: Mapped[datetime]


class IdempotencyKey(Base):
    """A key that a client chose for one creation: reserved under a lease, then completed with the answer, once."""

    __tablename__ = "idempotency_keys"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(40))  # who holds the reservation; a takeover changes it
    lease_until: Mapped[datetime]
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[int | None]  # HTTP status of the answer; None: not completed
    body: Mapped[str | None] = mapped_column(Text)
    clone_id: Mapped[str | None] = mapped_column(String(40), index=True)  # what the answer tells of
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class WorkerPresence(Base):
    """A worker process that is alive: the relay sizes its window by their slots."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    queues: Mapped[list[str]]
    slots: Mapped[int]
    seen_at: Mapped[datetime]
