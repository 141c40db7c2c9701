"""What `clonepipe doctor` finds out about one thing."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a finding means for the service."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one thing, in words that hold no secret."""

    name: str
    state: State
    found: str
