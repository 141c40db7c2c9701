"""What goes out on an endpoint's line, and what is heard of it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that is due."""

    id: str
    type: str
    body: str
    attempts: int  # that failed before, since it was written or replayed


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of an attempt at a parcel. `at` is when it began; `failure` is None when it was accepted."""

    parcel: Parcel
    at: datetime
    status: int | None
    took_ms: int
    failure: str | None
    detail: str
    excerpt: str
    retry_after_s: float | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver said that it wants no more."""
        return self.status == 410
