"""What is left to the end of a transaction: done just before its commit, when everything else of it stands.

A message about a clone is written so, and shows what a poll shows after the commit, however the change was written.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy.orm import Session

_KEY: Final = "closing"

Errand = Callable[[Session], None]


def at_close(session: Session, errand: Errand) -> None:
    """Have `errand` done at the end of the session's transaction, after those that were left before."""
    session.info.setdefault(_KEY, []).append(errand)


def close(session: Session) -> None:
    """Do what was left, also what that leaves in turn."""
    errands: list[Errand] = session.info.get(_KEY, [])
    while errands:
        errands.pop(0)(session)
