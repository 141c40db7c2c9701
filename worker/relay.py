"""The relay: it announces what is due until somebody claims it, and sweeps up. Two at once are harmless.

python -m worker.relay
"""

import signal
import threading
import time

from shared import interrupt, jobs, leash, log, metrics, submissions
from shared.broker import broker_url
from shared.doorbell import DELIVER_TASK, LOOK_TASK, Doorbell
from shared.errors import BrokerUnavailable, DatabaseUnavailable, ServiceError
from shared.monitor import open_monitor
from shared.services import Services
from shared.settings import settings
from shared.states import Queue
from shared.tally import Tally
from shared.vitals import OK, Vitals
from shared.webhooks import lines
from worker.late_look import AGAIN_S
from worker.opening import open_services, told_in_a_sentence
from worker.sweep import sweep

TICK_S = 0.25
SWEEP_EVERY_S = 300.0
_MOST_LINES_RUNG = 1000
_ROUND_S = 120.0  # the longest that a round takes whose database and broker are silent
_SWEEP_S = 3600.0  # ... and one that looks through four days of recordings
_logger = log.get(__name__)


class Relay:
    """Rings for due jobs, one tick at a time."""

    def __init__(self, services: Services, bell: Doorbell) -> None:
        self._services = services
        self._bell = bell
        self.broker_is_down = False
        self.went_round_at_s = time.monotonic()  # the last whole round

    def tick(self) -> int:
        """Announce what the windows have room for; return how many were rung for. Raises: DatabaseUnavailable."""
        try:
            if self._bell.lost_its_memory():
                with self._services.database.write() as session:
                    jobs.forget_announcements(session)
                    lines.forget_announcements(session)
            rung = sum(self._announce(queue) for queue in Queue)
            self._announce_looks()
            self._announce_lines()
        except BrokerUnavailable:
            if not self.broker_is_down:
                _logger.warning("broker_unavailable")
            self.broker_is_down = True
            metrics.BROKER_UP.set(0)
            return 0
        metrics.BROKER_UP.set(1)
        if self.broker_is_down:
            _logger.info("broker_back")
            self.broker_is_down = False
        self.went_round_at_s = time.monotonic()
        return rung

    def _announce(self, queue: Queue) -> int:
        with self._services.database.read() as session:
            if not jobs.anything_to_announce(session, queue):
                return 0
        with self._services.database.write() as session:
            chosen = jobs.announce_due(session, queue)
        for number, job_id in enumerate(chosen.ids):
            try:
                self._bell.ring(queue, job_id)
            except BrokerUnavailable:
                with self._services.database.write() as session:
                    jobs.forget_announcements(session, chosen.ids[number:])
                raise
        metrics.ANNOUNCED.labels(queue).inc(len(chosen.ids))
        metrics.LEASE_EXPIRIES.labels(queue).inc(chosen.expired)
        metrics.RESCUES.labels(queue).inc(chosen.again)
        return len(chosen.ids)

    def _announce_looks(self) -> None:
        """Ring for the late looks that are due; one that is lost is due again after a while."""
        with self._services.database.read() as session:
            if not submissions.any_look_due(session):
                return
        with self._services.database.write() as session:
            due = submissions.take_due_looks(session, again_in_s=AGAIN_S)
        for submission_id in due:
            self._bell.ring(Queue.VENDOR, submission_id, LOOK_TASK)

    def _announce_lines(self) -> None:
        """Ring for the endpoints that are to be told something, and that no worker has in hand."""
        with self._services.database.read() as session:
            if not lines.any_due(session):
                return
        if self._bell.waiting(Queue.CALLBACK) >= _MOST_LINES_RUNG:
            return  # nobody takes them: ringing on would only fill the broker
        with self._services.database.write() as session:
            due = lines.announce_due(session)
        for endpoint_id in due:
            self._bell.ring(Queue.CALLBACK, endpoint_id, DELIVER_TASK)


def main() -> None:
    """Run until told to stop."""
    chosen = settings()
    log.configure("relay", chosen.log_format)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    interrupt.release()
    leash.watch()
    vitals = Vitals()
    services = open_services(chosen)
    with told_in_a_sentence():
        open_monitor(chosen, metrics.RELAY, vitals, Tally(services.database, services.vendors))
    relay = Relay(services, Doorbell(broker_url(chosen)))
    metrics.RELAY_LAG.set_function(lambda: time.monotonic() - relay.went_round_at_s)
    _logger.info("relay_started")
    _go_round(relay, services, vitals, stopping)


def _go_round(relay: Relay, services: Services, vitals: Vitals, stopping: threading.Event) -> None:
    """Announce at every tick, and sweep now and then, whatever goes wrong with one of them."""
    swept_at_s = float("-inf")
    while not stopping.is_set():
        began_s = time.monotonic()
        vitals.beat("relay", _ROUND_S)
        try:
            relay.tick()
            vitals.note("database")
            vitals.note("broker", "does not answer" if relay.broker_is_down else OK)
            if began_s - swept_at_s > SWEEP_EVERY_S:
                swept_at_s = began_s
                vitals.beat("relay", _SWEEP_S)
                sweep(services)
        except DatabaseUnavailable as error:
            vitals.note("database", error.message)
            _logger.warning("database_unavailable")
        except ServiceError as error:
            _logger.warning("sweep_stopped", code=error.code)
        except Exception:
            # What went wrong now may go right at the next tick, and nobody else announces what is due.
            _logger.exception("relay_stumbled")
        stopping.wait(max(0.01, TICK_S - (time.monotonic() - began_s)))


if __name__ == "__main__":
    main()
