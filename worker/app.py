"""The Celery app of the workshop.

One task takes a job's id and does what is due; one looks for a late twin; one takes an endpoint that is to be told.
"""

import atexit
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready, worker_shutting_down

from shared import log, metrics
from shared.broker import broker_url
from shared.doorbell import DELIVER_TASK, LOOK_TASK, TASK, BackgroundBell, Doorbell, make_celery
from shared.monitor import open_monitor
from shared.settings import Settings
from shared.states import Queue
from shared.vitals import Vitals
from worker import rehearsal
from worker.bench import Bench
from worker.callbacks.courier import Courier
from worker.lanes import Lanes
from worker.late_look import look
from worker.opening import open_services, told_in_a_sentence
from worker.run import work
from worker.vigil import Vigil

_logger = log.get(__name__)


def make_app(settings: Settings, queues: frozenset[Queue], slots: int, vitals: Vitals) -> Celery:
    """Return the app of a worker process that serves `queues`, with so many slots for each."""
    services = open_services(settings)  # first of all: what cannot work is told in a sentence
    with told_in_a_sentence():
        open_monitor(settings, metrics.WORKER, vitals)
    # A consumer blocks in BRPOP for a second at a time; its sockets must outlast that.
    app = make_celery(broker_url(settings), socket_timeout_s=5.0)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=False,  # its lease brings a job back, and counts how often
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,  # the lease decides who owns a job, not the broker
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
    )
    app.steps["consumer"].update((Lanes, Vigil))
    bench = Bench.open(services, queues, Doorbell(broker_url(settings)), slots=slots, vitals=vitals)
    bench.services.database.listener = BackgroundBell(broker_url(settings)).tell

    def advance(job_id: str) -> None:
        work(bench, job_id)

    def look_for_twins(submission_id: str) -> None:
        look(bench, submission_id)

    courier = Courier(services)

    def deliver(endpoint_id: str) -> None:
        courier.take(endpoint_id)  # and returns: a receiver that hangs costs no slot

    app.task(advance, name=TASK)
    app.task(look_for_twins, name=LOOK_TASK)
    app.task(deliver, name=DELIVER_TASK)

    def stop(**_: Any) -> None:
        bench.stopping.set()

    def rehearse(**_: Any) -> None:
        rehearsal.begin(bench)

    worker_shutting_down.connect(stop, weak=False)
    if Queue.AUDIO in queues:
        worker_ready.connect(rehearse, weak=False)
    setup_logging.connect(_leave_logging_alone, weak=False)
    atexit.register(bench.desk.close)
    if Queue.CALLBACK in queues:
        courier.start()
        atexit.register(courier.close)
    bench.heart.start()
    return app


def _leave_logging_alone(**_: Any) -> None:
    """Keep Celery from setting up logging of its own: that somebody listens to this signal is what tells it."""
