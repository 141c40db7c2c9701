"""How a fake vendor misbehaves: one act is spent on one call that creates something, in the order they were ordered."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Moment(StrEnum):
    """Whether the fake did what it was asked before it misbehaves."""

    BEFORE = "before the voice exists"
    AFTER = "after the voice exists"


class Manner(StrEnum):
    """What happens to the answer."""

    ANSWER = "answer"  # the given status, headers and body
    DROP = "drop"  # the connection is cut without a byte
    HANG = "hang"  # nothing comes for longer than anybody waits
    TRICKLE = "trickle"  # a byte now and then, for longer than anybody waits
    TRUNCATE = "truncate"  # half of the body, then the end
    HUGE = "huge"  # a body that does not end in reasonable size
    HTML = "html"  # the page of an edge in front


@dataclass(frozen=True, slots=True)
class Act:
    """One misbehaviour."""

    manner: Manner
    when: Moment = Moment.BEFORE
    status: int = 500
    body: Any = None  # JSON; None: as the fake would say it
    headers: dict[str, str] = field(default_factory=dict)


def read_act(said: dict[str, Any]) -> Act:
    """Return an act as it is ordered over the wire; `when` is `before` or `after`.

    Raises: KeyError, TypeError, ValueError: it is none.
    """
    words = dict(said)
    when = Moment[str(words.pop("when", "before")).upper()]
    return Act(Manner(words.pop("manner", "answer")), when, **words)
