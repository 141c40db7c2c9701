"""What a commit has changed for others: which clones have a new line of history, which endpoints something to be told.

Noted in the session while its transaction runs, and handed on after the commit, to whoever the database was told of.
For latency only: the rows say the same, and who must not miss anything reads those.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.orm import Session

_KEY: Final = "tidings"


@dataclass(slots=True)
class Tidings:
    """The news of one transaction: the newest `seq` of each clone that got a line, and endpoints with work.

    The `seq` 0 is of a clone that changed and got no line.
    """

    clones: dict[str, int] = field(default_factory=dict)
    endpoints: set[str] = field(default_factory=set)


Listener = Callable[[Tidings], None]


def note_line(session: Session, clone_id: str, seq: int) -> None:
    """Note that a clone's history has a new line."""
    _of(session).clones[clone_id] = seq


def note_change(session: Session, clone_id: str) -> None:
    """Note that a clone is shown otherwise than before, without a new line in its history."""
    _of(session).clones.setdefault(clone_id, 0)


def note_delivery(session: Session, endpoint_id: str) -> None:
    """Note that an endpoint has a delivery that is due."""
    _of(session).endpoints.add(endpoint_id)


def taken(session: Session) -> Tidings | None:
    """Return what was noted, once; None: nothing."""
    found: Tidings | None = session.info.pop(_KEY, None)
    return found


def _of(session: Session) -> Tidings:
    found: Tidings = session.info.setdefault(_KEY, Tidings())
    return found
