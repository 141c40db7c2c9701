"""What an engine declares of itself, once: what it takes, what it can do, and how long to wait for what.

README and API are made from these values, `prepare` and the doors obey them, and nothing repeats them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

SentContainer = Literal["wav", "flac"]  # what `prepare` can write
Progress = Literal["none", "state", "percent"]

MB: Final = 1_000_000  # vendors do not say which megabyte they mean; the smaller one fits either way
READ_S: Final = 30.0  # a call that only reads, renames or deletes; no vendor states how long one may take
_LEAST_READ_S: Final = 5.0  # however times are scaled: a busy machine is no vendor that is away
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
class Abilities:
    """What can be asked of an engine beyond making a voice.

    Attributes:
        creates: A voice can be made by a call; False: only voices that exist already can be worked with.
        adds_samples: Recordings can be added to a voice.
        adds_again: Adding may be repeated: what is there already is left alone. A lost answer is then no riddle.
        max_samples: How many samples a voice holds; None: not stated.
        completes: Something is left to be called once a new voice's id is known: a name to give, recordings to send.
        deletes_samples: A single sample can be taken away.
        deletes_voice: A voice can be deleted by a call. False: only by a person, at the vendor's own pages.
        progress: What a look at a training tells: nothing (the answer carries a finished voice), a state, percents.
        marker: Where our marker is kept at the vendor, so that a voice whose answer was lost is found again.
        needs_person: A person must prove whose voice it is before it is trained.
        needs_language: The language that is spoken must be said when a voice is created.
    """

    marker: str
    creates: bool = True
    completes: bool = False
    adds_samples: bool = False
    adds_again: bool = False
    max_samples: int | None = None
    deletes_samples: bool = False
    deletes_voice: bool = True
    progress: Progress = "none"
    needs_person: bool = False
    needs_language: bool = False


@dataclass(frozen=True, slots=True)
class Engine:
    """One product of a vendor, and how long to wait for what."""

    name: str
    limits: Limits
    abilities: Abilities
    call_timeout_s: float  # a whole call, first byte to last; after this a submit has an unknown outcome
    listing_lag_s: float  # a voice may be missing from the vendor's list for this long
    poll_every_s: float
    training_typical_s: float
    training_deadline_s: float


def scaled(engines: Mapping[str, Engine], by: float) -> Mapping[str, Engine]:
    """Return engines whose every time is multiplied: against a fake an hour may pass in a second."""
    return {
        name: replace(
            engine,
            call_timeout_s=engine.call_timeout_s * by,
            listing_lag_s=engine.listing_lag_s * by,
            poll_every_s=engine.poll_every_s * by,
            training_typical_s=engine.training_typical_s * by,
            training_deadline_s=engine.training_deadline_s * by,
        )
        for name, engine in engines.items()
    }


def read_deadline_s(time_scale: float) -> float:
    """Return how long a call may take that makes nothing."""
    return max(READ_S * time_scale, _LEAST_READ_S)
