"""A look at many clones at once: which of them have changed, and what is new of those.

A glance costs one statement however many are looked at, and says no more than that something differs from the last
time. What it is, the clone as it is shown and the new lines of its history, are two more, for all that changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from shared.db.models import Clone, Event, Job
from shared.events import EventLine
from shared.views import COLUMNS, CloneView, view_of

Sighting = tuple[Any, ...]  # equal as long as the clone is shown alike, but for what changes by itself

_GLANCE: Final = (
    select(
        Clone.id, Clone.seq, Clone.updated_at, Job.id, Job.progress, Job.stage, Job.waiting_for, Job.outcome,
        Job.lease_until.is_(None), Job.eta_at, Job.error_code,
    )
    .join(Job, Job.id == Clone.job_id)
    .where(Clone.id.in_(bindparam("clone_ids", expanding=True)), Clone.deleted_at.is_(None))
)  # fmt: skip

_VIEWS: Final = (
    select(*COLUMNS)
    .join(Job, Job.id == Clone.job_id)
    .where(Clone.id.in_(bindparam("clone_ids", expanding=True)), Clone.deleted_at.is_(None))
)

_LINES: Final = (
    select(Event.clone_id, Event.seq, Event.type, Event.job_id, Event.at, Event.data)
    .where(Event.clone_id.in_(bindparam("clone_ids", expanding=True)), Event.seq > bindparam("after_seq"))
    .order_by(Event.clone_id, Event.seq)
)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A clone as it is now, and the lines of its history that whoever asked did not know."""

    view: CloneView
    lines: tuple[EventLine, ...]


def sightings(connection: Connection, clone_ids: Sequence[str]) -> dict[str, Sighting]:
    """Return what is seen of those clones that are there, in one statement."""
    return {row[0]: tuple(row[1:]) for row in connection.execute(_GLANCE, {"clone_ids": list(clone_ids)})}


def fresh(
    connection: Connection, known: Mapping[str, int | None], *, account_id: str | None = None
) -> dict[str, Fresh]:
    """Return those clones that are there, with their lines after the `seq` that is known; None: no lines are wanted.

    `account_id`: whose clones are looked at; None: anybody's, for who knows that already.
    """
    query = _VIEWS if account_id is None else _VIEWS.where(Clone.account_id == account_id)
    views = {row.id: view_of(row) for row in connection.execute(query, {"clone_ids": list(known)})}
    wanted = {clone_id: seq for clone_id, seq in known.items() if seq is not None and clone_id in views}
    lines: dict[str, list[EventLine]] = {clone_id: [] for clone_id in views}
    if wanted:
        rows = connection.execute(_LINES, {"clone_ids": list(wanted), "after_seq": min(wanted.values())})
        for row in rows:
            if row.seq > wanted[row.clone_id]:
                lines[row.clone_id].append(EventLine(row.seq, row.type, row.job_id, row.at, row.data))
    return {clone_id: Fresh(view, tuple(lines[clone_id])) for clone_id, view in views.items()}
