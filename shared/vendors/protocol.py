"""What every vendor can do, in four verbs, and what it declares once: its engines and their limits.

An adapter raises only VendorRejected, VendorAuth, VendorQuota, VendorRateLimited, VendorUnavailable (nothing was
sent), VendorProtocol and UnknownOutcome (the vendor may have acted). It never retries by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

SentContainer = Literal["wav", "flac"]  # what `prepare` can write


@dataclass(frozen=True, slots=True)
class Range:
    """An inclusive range; None is open on that side."""

    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine takes. What the vendor does not state is None, not a guess."""

    files: Range
    file_bytes: Range
    total_s: Range
    containers: tuple[SentContainer, ...]  # best first
    rate_hz: int | None  # more is of no use to the engine
    name_chars: Range
    source: str
    checked: date


@dataclass(frozen=True, slots=True)
class Engine:
    """One product of a vendor, and how long to wait for what."""

    name: str
    limits: Limits
    call_timeout_s: float  # after this a submit without an answer has an unknown outcome
    listing_lag_s: float  # a voice may be missing from the vendor's list for this long
    poll_every_s: float
    training_typical_s: float
    training_deadline_s: float


@dataclass(frozen=True, slots=True)
class CloneOrder:
    """What the vendor is told about the voice."""

    clone_id: str
    name: str
    description: str | None
    language: str | None
    gender: str | None
    labels: Mapping[str, Any]
    voice_settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A prepared recording on this machine's disk."""

    path: Path
    filename: str
    content_type: str
    duration_s: float


class TrainingState(StrEnum):
    """Where the vendor's training is; a word that the contract does not know is `unknown`, never a guess."""

    TRAINING = "training"
    READY = "ready"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Training:
    """One look at a training. `progress` is 0-1 or None; `reason` is the vendor's own words."""

    state: TrainingState
    progress: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FoundVoice:
    """A voice at the vendor that carries a marker of ours."""

    voice_id: str
    created_at: datetime | None


class Vendor(Protocol):
    """Who trains voices. One file, one class."""

    name: ClassVar[str]
    engines: ClassVar[Mapping[str, Engine]]
    notice: ClassVar[str | None]  # shown beside every clone of this vendor

    def submit(self, engine: str, order: CloneOrder, files: Sequence[SampleFile], marker: str) -> str:
        """Create the voice, once, leaving `marker` where `find` sees it; return the vendor's voice id."""

    def find(self, engine: str, marker: str) -> tuple[FoundVoice, ...]:
        """Return the voices that carry the marker, oldest first."""

    def poll(self, engine: str, voice_id: str) -> Training:
        """Look at the training once."""

    def discard(self, engine: str, voice_id: str) -> None:
        """Delete a voice; one that is not there is no error."""
