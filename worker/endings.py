"""How a run of a stage ends. What it found is written by `save`, in the one transaction that moves the job."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.states import Stage, WaitingFor

Save = Callable[[Session], None]


def nothing(_session: Session) -> None:
    """Save nothing."""


@dataclass(frozen=True, slots=True)
class Advance:
    """The stage is done; the next one is due."""

    to: Stage
    save: Save = nothing


@dataclass(frozen=True, slots=True)
class Rest:
    """The stage goes on later; `fraction` of it (0-1) is done, if known. `reason` tells a person what is waited for."""

    waiting_for: WaitingFor
    delay_s: float
    fraction: float | None = None
    save: Save = nothing
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done."""

    vendor_voice_id: str | None = None
    save: Save = nothing


Ending = Advance | Rest | Finished
