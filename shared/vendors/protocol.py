"""What every vendor can do, in four verbs, and what it declares once: its engines and their limits.

An adapter raises only VendorRejected, VendorAuth, VendorQuota, VendorRateLimited, VendorUnavailable (nothing was
sent), VendorProtocol and UnknownOutcome (the vendor may have acted). It never retries by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Protocol

SentContainer = Literal["wav", "flac"]  # what `prepare` can write

MB: Final = 1_000_000  # vendors do not say which megabyte they mean; the smaller one fits either way
SPOKEN_RATE_HZ: Final = 48_000  # the highest rate that any of the engines speaks at; none states what it listens at


@dataclass(frozen=True, slots=True)
class Range:
    """An inclusive range; None is open on that side."""

    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine takes. What the vendor does not state is None, or a range that is open, not a guess.

    Attributes:
        files: How many files one voice is made of.
        file_bytes: Size of one file.
        file_s: Seconds of one file; nothing outside is sent.
        total_s: Seconds of all files together.
        best_s: Seconds, of all files together, that the engine makes best use of, by its maker's advice: what to aim
            at where there is more. It refuses nothing. None: all that is usable.
        containers: What the engine takes of what `prepare` can write, best first.
        rate_hz: A higher sample rate is of no use to the engine; None: not known.
        name_chars: Length of the voice's name.
        own_denoise: The request's parameter that turns on the engine's own noise removal. It must be off for sound
            that was cleaned here. None: the engine has none that a request can reach.
        source: Where it is stated.
        checked: When that was read.
    """

    files: Range
    file_bytes: Range
    file_s: Range
    total_s: Range
    best_s: float | None
    containers: tuple[SentContainer, ...]
    rate_hz: int | None
    name_chars: Range
    own_denoise: str | None
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
    """A prepared file on this machine's disk.

    Attributes:
        cleaned: Noise was removed from some of it here; a vendor's own noise removal is never run on top of ours.
    """

    path: Path
    filename: str
    content_type: str
    duration_s: float
    cleaned: bool


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
