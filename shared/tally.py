"""What the database knows and Prometheus is told: jobs by stage, what waits longest, gates that are shut.

A few small statements over what is live, never over what is done, at most once in KEPT_S however many ask. Everybody
who tells these figures tells the same, so that of several the greatest is taken, not their sum.
"""

import threading
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import Metric
from sqlalchemy import case, func, literal, select
from sqlalchemy.orm import Session

from shared import gates, metrics
from shared.db.engine import Database
from shared.db.models import Job, WebhookEndpoint, WorkerPresence
from shared.db.moment import db_now
from shared.errors import DatabaseUnavailable
from shared.jobs import PRESENCE_S
from shared.states import Queue, Stage, WaitingFor
from shared.vendors.protocol import Vendor
from shared.webhooks import lines

KEPT_S: Final = 5.0
DUE, RUNNING, EXPIRED, SCHEDULED = "due", "running", "expired", "scheduled"
STATUSES: Final = (DUE, RUNNING, EXPIRED, SCHEDULED, *(word.value for word in WaitingFor))
_OPEN: Final = "OPEN"


class Tally:
    """A collector of Prometheus over one database. `vendors` are told of also while nothing is wrong with them."""

    def __init__(self, database: Database, vendors: Iterable[Vendor]) -> None:
        self._database = database
        self._vendors = tuple(vendor.name for vendor in vendors)
        self._lock = threading.Lock()
        self._kept: tuple[Metric, ...] = ()
        self._kept_until_s = float("-inf")

    def collect(self) -> tuple[Metric, ...]:
        """Return what is so now, or was KEPT_S ago at most. Who asks meanwhile waits for the same answer."""
        with self._lock:
            if time.monotonic() >= self._kept_until_s:
                self._kept = self._read()
                self._kept_until_s = time.monotonic() + KEPT_S
            return self._kept

    def _read(self) -> tuple[Metric, ...]:
        try:
            with self._database.read() as session:
                found = [*_jobs(session), _slots(session), *_deliveries(session), self._gates(session)]
        except DatabaseUnavailable:
            return (metrics.DATABASE_UP.family([((), 0.0)]),)
        return (metrics.DATABASE_UP.family([((), 1.0)]), *found)

    def _gates(self, session: Session) -> Metric:
        shut = gates.shut(session)
        told = [((gate.vendor, gate.engine or "", gate.code), 1.0) for gate in shut]
        whole = {gate.vendor for gate in shut if gate.engine is None}
        told += [((vendor, "", _OPEN), 0.0) for vendor in self._vendors if vendor not in whole]
        return metrics.GATES.family(told)


def _jobs(session: Session) -> tuple[Metric, Metric]:
    """Count live jobs by stage and status, and find what waits longest, in one statement."""
    status = case(
        (Job.lease_until >= db_now(), literal(RUNNING)),
        (Job.lease_until.is_not(None), literal(EXPIRED)),
        (Job.due_at <= db_now(), literal(DUE)),
        else_=func.coalesce(Job.waiting_for, literal(SCHEDULED)),
    ).label("status")
    since = func.min(func.coalesce(Job.lease_until, Job.due_at)).label("since")
    rows = session.execute(
        select(Job.queue, Job.stage, status, func.count().label("jobs"), since, db_now().label("now"))
        .where(Job.outcome.is_(None))
        .group_by(Job.queue, Job.stage, status)
    ).all()
    counts = dict.fromkeys(((stage.value, word) for stage in Stage for word in STATUSES), 0.0)
    ages_s = dict.fromkeys(Queue, 0.0)
    for row in rows:
        counts[row.stage.value, row.status] = counts.get((row.stage.value, row.status), 0.0) + row.jobs
        if row.status in (DUE, EXPIRED):
            ages_s[row.queue] = max(ages_s[row.queue], _age_s(row.since, row.now))
    ages = [((queue.value,), age_s) for queue, age_s in ages_s.items() if queue is not Queue.CALLBACK]
    return metrics.JOBS.family(counts.items()), metrics.OLDEST_JOB.family(ages)


def _slots(session: Session) -> Metric:
    slots = dict.fromkeys(Queue, 0)
    present = session.execute(
        select(WorkerPresence.queues, WorkerPresence.slots).where(WorkerPresence.seen_at > db_now(-PRESENCE_S))
    )
    for queues, count in present:
        for name in queues:
            slots[Queue(name)] += count
    return metrics.WORKER_SLOTS.family(((queue.value,), float(count)) for queue, count in slots.items())


def _deliveries(session: Session) -> tuple[Metric, Metric]:
    count, first, now = session.execute(
        select(func.count(), func.min(WebhookEndpoint.next_due_at), db_now().label("now")).where(*lines.waiting())
    ).one()
    return (
        metrics.DUE_ENDPOINTS.family([((), float(count))]),
        metrics.OLDEST_DELIVERY.family([((), _age_s(first, now))]),
    )


def _age_s(since: Any, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
