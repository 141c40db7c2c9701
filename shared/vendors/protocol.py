"""What every vendor can do: the verbs, and the values that they take and give.

An adapter raises only VendorRejected and its kinds, VendorAuth, VendorQuota, VendorRateLimited, VendorUnavailable
(nothing was sent), VendorProtocol and UnknownOutcome (the vendor may have acted). It never retries by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from shared.vendors.engines import Engine


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
    """A prepared file on this machine's disk.

    Attributes:
        filename: What the vendor is told it is called; the same file is called the same at every attempt, and no other
            file of the voice is, so that what arrived is known by it.
        cleaned: Noise was removed from some of it here; a vendor's own noise removal is never run on top of ours.
    """

    path: Path
    filename: str
    content_type: str
    duration_s: float
    cleaned: bool


@dataclass(frozen=True, slots=True)
class Submitted:
    """A voice that a vendor has begun; `notes` are for the clone's owner."""

    voice_id: str
    notes: tuple[str, ...] = ()


class TrainingState(StrEnum):
    """Where the vendor's training is; a word that the contract does not know is `unknown`, never a guess."""

    TRAINING = "training"
    ACTION_REQUIRED = "action_required"  # a person must prove whose voice it is; see `Verifiable`
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


def oldest_first(found: Iterable[FoundVoice]) -> tuple[FoundVoice, ...]:
    """Return voices by their age; one whose age the vendor does not tell comes last, so that it is not the one kept."""
    return tuple(sorted(found, key=lambda voice: voice.created_at or datetime.max.replace(tzinfo=UTC)))


@dataclass(frozen=True, slots=True)
class VendorSample:
    """A sample that a vendor holds of a voice; `detail` is what else the vendor says of it, in the vendor's words."""

    sample_id: str
    filename: str | None = None
    duration_s: float | None = None
    size_bytes: int | None = None
    created_at: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VoiceAtVendor:
    """A voice as its vendor shows it. `samples` is None where the vendor lists none of its kind.

    `to_do` is what a person must do before it can speak; None: it can.
    """

    voice_id: str
    name: str
    engine: str
    description: str | None = None
    samples: tuple[VendorSample, ...] | None = None
    to_do: str | None = None


class Vendor(Protocol):
    """Who trains voices. One file, one class."""

    name: ClassVar[str]
    notice: ClassVar[str | None]  # shown beside every clone of this vendor

    @property
    def calls_per_minute(self) -> float | None:
        """How often all workers together may call; None: not stated."""

    @property
    def engines(self) -> Mapping[str, Engine]:
        """Its engines by name; the first is what a request gets that names none."""

    def submit(self, engine: str, order: CloneOrder, files: Sequence[SampleFile], marker: str) -> Submitted:
        """Create the voice, once, leaving `marker` where `find` sees it."""

    def complete(
        self, engine: str, order: CloneOrder, files: Sequence[SampleFile], voice_id: str, marker: str
    ) -> tuple[str, ...]:
        """Do what is left once the voice's id is safe with us; return notes for the clone's owner.

        Called at least once, and again after a death: what is done already must be left alone. Without the engine's
        ability `completes` there are only notes: it gets no files, and must call nobody.
        """

    def find(self, engine: str, marker: str) -> tuple[FoundVoice, ...]:
        """Return the voices that carry the marker, oldest first."""

    def poll(self, engine: str, voice_id: str) -> Training:
        """Look at the training once, and set it going if it waits for nothing but that."""

    def discard(self, engine: str, voice_id: str) -> None:
        """Delete a voice; one that is not there is no error. Raises: ErasureUnsupported."""

    def look_up(self, voice_id: str) -> VoiceAtVendor:
        """Return a voice of this account. Raises: VendorVoiceNotFound: unknown, or somebody else's."""

    def check_access(self) -> str:
        """Ask something harmless that needs the key; return what was learned, for `clonepipe doctor`."""


@runtime_checkable
class Extensible(Protocol):
    """A vendor some of whose engines take samples after the voice was made (`Abilities.adds_samples` says which)."""

    def samples(self, engine: str, voice_id: str) -> tuple[VendorSample, ...]:
        """Return the samples that the vendor holds, in its order."""

    def add(self, engine: str, voice_id: str, files: Sequence[SampleFile]) -> None:
        """Add samples and have the voice learn from them; twice only where the engine's `adds_again` allows it."""

    def remove(self, engine: str, voice_id: str, sample_id: str) -> None:
        """Take a sample away; one that is not there is no error."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a vendor wants a person to do, and how often that was tried.

    Attributes:
        done: Nothing is left to do.
        captcha: An image with words to be read aloud, as (content type, bytes); None where there is none.
        attempts_left: How many recordings it will still listen to; None: not said.
        resets_at: When more attempts are given.
        failures: The vendor's words on attempts that were not accepted, oldest first.
        manual_requested: A person at the vendor was asked to look.
        advice: What is to be done, in a sentence; None: there is nothing.
    """

    done: bool
    captcha: tuple[str, bytes] | None = None
    attempts_left: int | None = None
    resets_at: datetime | None = None
    failures: tuple[str, ...] = ()
    manual_requested: bool = False
    advice: str | None = None


@runtime_checkable
class Verifiable(Protocol):
    """A vendor some of whose engines want proof of whose voice it is (`Abilities.needs_person` says which)."""

    def verification(self, voice_id: str) -> Verification:
        """Look at what is to be done."""

    def verify(self, voice_id: str, recording: SampleFile) -> None:
        """Hand in the captcha's words, read aloud. Raises: VendorRejected: it was not accepted."""

    def request_manual(self, voice_id: str, files: Sequence[SampleFile], extra_text: str | None) -> None:
        """Ask a person at the vendor to look, with documents as proof."""
