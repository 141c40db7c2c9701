"""Whether the plan at a vendor has room for another voice of an engine: one row an engine whose plan was found full.

A full plan of one engine is none of another's, so this is no part of the vendor's gate (gates.py), which asks here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.db.models import EnginePause
from shared.db.moment import db_now
from shared.errors import VendorPaused, VendorQuota
from shared.vendors.refusals import title_of

PAUSE_S: Final = 900.0  # after which one call may show whether there is room by now


def check(session: Session, vendor: str, engine: str) -> None:
    """Raise VendorPaused while the engine's plan is known to be full."""
    row = session.execute(
        select(EnginePause, db_now().label("now")).where(EnginePause.vendor == vendor, EnginePause.engine == engine)
    ).one_or_none()
    if row is None or row.EnginePause.paused_until <= row.now:
        return
    pause = row.EnginePause
    raise VendorPaused(
        f"No voice is asked of {title_of(vendor)} ({engine}) until {shown(pause.paused_until)}. {pause.reason}",
        retry_after_s=(pause.paused_until - row.now).total_seconds(),
        because=pause.code,
    )


def note_full(session: Session, vendor: str, engine: str, error: VendorQuota) -> None:
    """Stop asking an engine for voices until somebody has made room, or a while has passed."""
    values = {"paused_until": db_now(PAUSE_S), "code": error.code, "reason": error.message}
    known = (
        update(EnginePause)
        .where(EnginePause.vendor == vendor, EnginePause.engine == engine)
        .values(**values)
        .returning(EnginePause.engine)
    )
    if session.execute(known).scalar_one_or_none() is not None:
        return
    try:
        with session.begin_nested():
            session.execute(insert(EnginePause).values(vendor=vendor, engine=engine, **values))
    except IntegrityError:
        pass  # another process was first, and says the same


def note_room(session: Session, vendor: str, engine: str | None = None) -> bool:
    """Forget that a plan was full, of one engine or of all of the vendor's; tell whether one was."""
    full = [EnginePause.vendor == vendor, *([EnginePause.engine == engine] if engine else [])]
    return bool(session.execute(delete(EnginePause).where(*full).returning(EnginePause.engine)).all())


def full(session: Session) -> Sequence[EnginePause]:
    """Return the engines that are not asked for voices now."""
    return session.scalars(select(EnginePause).where(EnginePause.paused_until > db_now())).all()


def shown(moment: datetime) -> str:
    """Return a moment of today as it stands in a message."""
    return f"{moment:%H:%M:%S} UTC"
