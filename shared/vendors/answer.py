"""What comes back from a vendor: an answer as it is, and what it complains of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor answered. `was_cut` says that the connection ended before the body did."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    was_cut: bool = False

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON, or None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a vendor says is wrong, in its own code and words."""

    code: str | None = None
    words: str | None = None
    retry_after_s: float | None = None


class ComplaintReader(Protocol):
    """A vendor's way to complain: returns what an answer complains of, or None. It must not raise."""

    def __call__(self, answer: Answer) -> Complaint | None: ...
