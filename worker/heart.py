"""Signs of life. One thread a process renews every lease in hand and says that the worker is there.

A lease that could not be renewed is lost when it runs out by our own clock, whatever the thread here is waiting for, so
that its holder stops before another worker can have begun.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared import claims, jobs, log
from shared.claims import Claim
from shared.db.engine import Database
from shared.errors import ClaimLost, DatabaseUnavailable
from shared.states import Queue
from shared.vitals import Vitals

_PRESENCE_EVERY_S = 10.0
_AGAIN_AFTER_S = 1.0  # where there was no database
_ROUND_S = 120.0  # the longest that a round takes whose database is silent
_SURE = 0.9  # of a lease: what is left is for clocks that run apart, and for the claim's own way here
_logger = log.get(__name__)


@dataclass(slots=True, eq=False)
class Hold:
    """A claim in hand, as long as it is."""

    claim: Claim
    lease_s: float
    renewed_at_s: float  # when the last renewal that succeeded was asked for, or the claim
    taken: threading.Event = field(default_factory=threading.Event)  # the database said that it is another's

    @property
    def is_lost(self) -> bool:
        """Whether somebody else has the job, or may have it by now."""
        return self.taken.is_set() or time.monotonic() - self.renewed_at_s > self.lease_s * _SURE


class Heart:
    """Beats until the process ends."""

    def __init__(
        self,
        database: Database,
        *,
        owner: str,
        queues: frozenset[Queue],
        slots: int,
        lease_s: float,
        vitals: Vitals | None = None,
    ) -> None:
        self._database = database
        self._vitals = vitals or Vitals()
        self._owner = owner
        self._queues = tuple(queues)
        self._slots = slots
        self._lease_s = lease_s
        self._holds: set[Hold] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._beat, name="heart", daemon=True).start()

    @contextmanager
    def hold(self, claim: Claim) -> Iterator[Hold]:
        """Keep a claim alive for the length of the block."""
        hold = Hold(claim, self._lease_s, time.monotonic())
        with self._lock:
            self._holds.add(hold)
        try:
            yield hold
        finally:
            with self._lock:
                self._holds.discard(hold)

    def _beat(self) -> None:
        seen_at_s = float("-inf")
        pause_s = min(self._lease_s / 3, _PRESENCE_EVERY_S)
        while True:
            began_s = time.monotonic()
            rest_s = pause_s
            self._vitals.beat("heart", pause_s + _ROUND_S)
            try:
                if began_s - seen_at_s >= _PRESENCE_EVERY_S:
                    with self._database.write() as session:
                        jobs.note_presence(session, self._owner, self._queues, self._slots)
                    seen_at_s = began_s
                self._renew_all()
                self._vitals.note("database")
            except DatabaseUnavailable as error:
                self._vitals.note("database", error.message)
                _logger.warning("database_unavailable")
                rest_s = min(pause_s, _AGAIN_AFTER_S)
            except Exception:
                # Nothing may end this thread: without it every lease of this process would run out, for good.
                _logger.exception("heart_stumbled")
                rest_s = min(pause_s, _AGAIN_AFTER_S)
            time.sleep(max(0.05, rest_s - (time.monotonic() - began_s)))

    def _renew_all(self) -> None:
        """Renew every lease; the first that meets no database speaks for all. Raises: DatabaseUnavailable."""
        with self._lock:
            holds = tuple(self._holds)
        for hold in holds:
            began_s = time.monotonic()
            try:
                with self._database.write() as session:
                    claims.renew(session, hold.claim, self._lease_s)
                hold.renewed_at_s = began_s
            except ClaimLost:
                # Also so when the stage has just ended and moved the job itself; then nobody reads the flag any more.
                hold.taken.set()
