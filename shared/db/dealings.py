"""The tables of our dealings with vendors: what was asked, what came of it, what they hold, may they be called."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.columns import Base, Json, word
from shared.states import SubmissionState


class Submission(Base):
    """One paid call at a vendor: the intent written before it, and what came of it."""

    __tablename__ = "submissions"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(40))
    clone_id: Mapped[str] = mapped_column(ForeignKey("clones.id"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    vendor: Mapped[str] = mapped_column(String(32))
    engine: Mapped[str] = mapped_column(String(32))
    marker: Mapped[str] = mapped_column(String(64), unique=True)  # what the vendor keeps and we can search for
    state: Mapped[SubmissionState] = mapped_column(word(SubmissionState))
    calls: Mapped[int] = mapped_column(default=1)
    called_at: Mapped[datetime]
    empty_looks: Mapped[int] = mapped_column(default=0)
    looked_at: Mapped[datetime | None]
    vendor_voice_id: Mapped[str | None]
    # What the vendor held before samples were added, so that what came of a lost answer can be told.
    held_before: Mapped[list[str] | None]
    look_again_at: Mapped[datetime | None]  # when a late twin is looked for; None: its answer was never in doubt
    twins: Mapped[list[Json] | None]  # further voices that were found: `voiceId` and `outcome`


class VendorCall(Base):
    """One exchange with a vendor as it happened, for whoever must explain it: redacted and cut."""

    __tablename__ = "vendor_calls"
    __table_args__ = (Index("ix_vendor_calls_clone", "clone_id", "at"), Index("ix_vendor_calls_at", "at"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    clone_id: Mapped[str] = mapped_column(String(40))
    job_id: Mapped[str | None] = mapped_column(String(40))
    vendor: Mapped[str] = mapped_column(String(32))
    method: Mapped[str] = mapped_column(String(8))
    path: Mapped[str]
    status: Mapped[int | None]  # None: no answer came
    failure: Mapped[str | None] = mapped_column(String(64))  # the code of what it meant
    request_id: Mapped[str | None] = mapped_column(String(100))  # what the vendor's support asks for
    took_ms: Mapped[int]
    answer: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class VendorGate(Base):
    """Whether a vendor may be called now, by any worker. A vendor without a row may."""

    __tablename__ = "vendor_gates"

    vendor: Mapped[str] = mapped_column(String(32), primary_key=True)
    paused_until: Mapped[datetime | None]  # for every call
    pause_code: Mapped[str | None] = mapped_column(String(64))
    pause_reason: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(default=0)  # in a row, of a vendor that cannot be reached
    closed_until: Mapped[datetime | None]  # after too many of them; then one call goes first
    slow_until: Mapped[datetime | None]  # it asked us to slow down
    next_call_at: Mapped[datetime | None]  # when the next call would be on schedule, where it states a rate


class EnginePause(Base):
    """That the plan at a vendor has no room for another voice of one engine; the vendor's other engines go on."""

    __tablename__ = "engine_pauses"

    vendor: Mapped[str] = mapped_column(String(32), primary_key=True)
    engine: Mapped[str] = mapped_column(String(32), primary_key=True)
    paused_until: Mapped[datetime]
    code: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)


class HeldSample(Base):
    """A sample that a vendor holds of a voice, as it was last listed."""

    __tablename__ = "held_samples"
    __table_args__ = (Index("uq_held_samples_vendor", "clone_id", "vendor_sample_id", unique=True),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    clone_id: Mapped[str] = mapped_column(ForeignKey("clones.id"))
    account_id: Mapped[str] = mapped_column(String(40))
    vendor_sample_id: Mapped[str]
    filename: Mapped[str | None]
    duration_s: Mapped[float | None]
    size_bytes: Mapped[int | None]
    detail: Mapped[Json]  # what else the vendor says of it, in its own words
    created_at: Mapped[datetime]


class Erasure(Base):
    """The tombstone of a clone: that it was erased, where, and when. It tells nothing of the person."""

    __tablename__ = "erasures"

    clone_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(40))
    job_id: Mapped[str] = mapped_column(String(40))
    requested_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    voices: Mapped[list[Json] | None]  # `vendor`, `voiceId`, `outcome`: deleted, absent, unsupported
    objects_deleted: Mapped[int] = mapped_column(default=0)
