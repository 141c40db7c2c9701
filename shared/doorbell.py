"""Telling workers that a job is due. A ring may be lost or heard fifty times: the database is the truth.

The only file outside worker/ that knows Celery: it sends by task name. Every socket has a timeout of a second, so
that a broker that accepts and says nothing cannot hold anybody up (measured: without them a publish hangs for ever).
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import redis
from celery import Celery
from kombu.entity import Exchange
from kombu.entity import Queue as KombuQueue

from shared import log
from shared.errors import BrokerUnavailable
from shared.jobs import SMALLEST_WINDOW
from shared.states import Queue
from shared.tidings import Tidings

TASK: Final = "clonepipe.advance"
LOOK_TASK: Final = "clonepipe.look"
DELIVER_TASK: Final = "clonepipe.deliver"
TIDINGS_CHANNEL: Final = "clonepipe:tidings"  # carries {"clones": {id: seq}}; 0: no new line
SOCKET_TIMEOUT_S: Final = 1.0
_BREAKER_S: Final = 2.0
_BACKLOG: Final = 1000
_MEMORY_KEY: Final = "clonepipe:memory"

# The default exchange routes by queue name without a binding stored in the broker, so a FLUSHALL breaks no route.
QUEUES: Final = tuple(
    KombuQueue(name.value, Exchange(""), routing_key=name.value)  # type: ignore[no-untyped-call]
    for name in Queue
)

_logger = log.get(__name__)


def make_celery(broker_url: str, *, socket_timeout_s: float = SOCKET_TIMEOUT_S) -> Celery:
    """Return a Celery app that sends and takes JSON ids: no result backend, no canvas, no countdown."""
    app = Celery("clonepipe", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_queues=QUEUES,
        task_default_queue=Queue.AUDIO.value,
        task_publish_retry=False,
        broker_connection_timeout=socket_timeout_s,
        broker_pool_acquire_timeout=socket_timeout_s,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            # Long, because redelivery is not what rescues a job here: its lease is.
            "visibility_timeout": 3600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": socket_timeout_s,
            "socket_connect_timeout": socket_timeout_s,
            "socket_keepalive": True,
            "max_connections": 64,
        },
    )
    return app


class Doorbell:
    """Rings by sending a job's id to its stage's queue."""

    def __init__(self, broker_url: str) -> None:
        self._celery = make_celery(broker_url)
        self._redis = redis.Redis.from_url(
            redis_url(broker_url), socket_timeout=SOCKET_TIMEOUT_S, socket_connect_timeout=SOCKET_TIMEOUT_S, retry=None
        )

    def ring(self, name: Queue, job_id: str, task: str = TASK) -> None:
        """Announce one job, or what another task takes. Raises: BrokerUnavailable: within about two seconds."""
        try:
            self._celery.send_task(task, args=(job_id,), queue=name.value, retry=False, ignore_result=True)
        except Exception as error:
            raise BrokerUnavailable from error

    def publish(self, clones: Mapping[str, int]) -> None:
        """Tell every process that listens which clones have a new line of history. Raises: BrokerUnavailable."""
        told = json.dumps({"clones": dict(clones)})
        self._ask(lambda broker: broker.publish(TIDINGS_CHANNEL, told))

    def waiting(self, name: Queue) -> int:
        """Return how many messages lie in a queue. Raises: BrokerUnavailable."""
        return int(self._ask(lambda broker: broker.llen(name.value)))

    def lost_its_memory(self) -> bool:
        """Tell whether the broker was emptied or replaced since anyone asked. Raises: BrokerUnavailable."""
        return bool(self._ask(lambda broker: broker.set(_MEMORY_KEY, "kept", nx=True)))

    def ping(self) -> None:
        """Raise BrokerUnavailable unless the broker answers."""
        self._ask(lambda broker: broker.ping())

    def _ask(self, question: Any) -> Any:
        try:
            return question(self._redis)
        except (redis.RedisError, OSError) as error:
            raise BrokerUnavailable from error


def redis_url(broker_url: str) -> str:
    """Return a broker URL as redis-py spells it."""
    return broker_url.replace("redis+socket://", "unix://", 1)


class BackgroundBell:
    """Rings from a thread of its own, so that nobody ever waits for the broker. It is for latency only.

    What does not fit, or finds the broker away, is dropped: the relay will ring, and who watches will look.
    """

    def __init__(self, broker_url: str) -> None:
        self.broker_url = broker_url
        self._bell = Doorbell(broker_url)
        self._due: queue.Queue[Callable[[], None]] = queue.Queue(maxsize=_BACKLOG)
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self, name: Queue, job_id: str) -> None:
        """Have a job announced soon; return at once."""
        self._soon(lambda: self._ring(name, job_id, TASK))

    def tell(self, news: Tidings) -> None:
        """Have the news of a commit told soon; return at once."""
        if news.clones:
            self._soon(lambda: self._bell.publish(news.clones))
        for endpoint_id in news.endpoints:
            self._soon(lambda endpoint=endpoint_id: self._ring(Queue.CALLBACK, endpoint, DELIVER_TASK))  # type: ignore[misc]

    def ping(self) -> None:
        """Raise BrokerUnavailable unless the broker answers within a second."""
        self._bell.ping()

    def _soon(self, errand: Callable[[], None]) -> None:
        try:
            self._due.put_nowait(errand)
        except queue.Full:
            _logger.info("doorbell_full")

    def _ring(self, name: Queue, what: str, task: str) -> None:
        # A backlog is the relay's to feed, fairly; ringing past it would flood the broker.
        if self._bell.waiting(name) < SMALLEST_WINDOW:
            self._bell.ring(name, what, task)

    def _run(self) -> None:
        closed_until = 0.0
        while True:
            errand = self._due.get()
            if time.monotonic() < closed_until:
                continue
            try:
                errand()
            except BrokerUnavailable:
                closed_until = time.monotonic() + _BREAKER_S
                _logger.warning("broker_unavailable", told_again_in_s=_BREAKER_S)
