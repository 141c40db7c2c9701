"""A clone's append-only history. A line is written in the transaction of the change it tells of, or not at all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shared import tidings
from shared.db.closing import at_close
from shared.db.models import Clone, Event
from shared.db.moment import db_now
from shared.states import EventType
from shared.webhooks.deliveries import News


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line as clients read it."""

    seq: int
    type: EventType
    job_id: str
    at: datetime
    data: dict[str, Any]


def append(
    session: Session, *, clone_id: str, account_id: str, job_id: str, kind: EventType, data: dict[str, Any]
) -> int:
    """Add a line to the clone's history and return its number; the clone row serialises concurrent writers.

    Who has a webhook is told of it: what to say is written at the end of the transaction, when all of it stands.
    """
    seq, callback_url, at = session.execute(
        update(Clone)
        .where(Clone.id == clone_id)
        .values(seq=Clone.seq + 1, updated_at=db_now())
        .returning(Clone.seq, Clone.callback_url, Clone.updated_at)
    ).one()
    session.execute(
        insert(Event).values(
            clone_id=clone_id, seq=seq, account_id=account_id, job_id=job_id, type=kind, data=data, at=at
        )
    )
    tidings.note_line(session, clone_id, seq)
    at_close(session, News(account_id, clone_id, seq, kind, at, callback_url).write)
    return seq


def history(session: Session, clone_id: str, *, after_seq: int = 0, limit: int = 100) -> list[EventLine]:
    """Return up to `limit` lines after `after_seq`, oldest first."""
    rows = session.scalars(
        select(Event).where(Event.clone_id == clone_id, Event.seq > after_seq).order_by(Event.seq).limit(limit)
    )
    return [EventLine(row.seq, row.type, row.job_id, row.at, row.data) for row in rows]
