"""Seeing that a worker still hears its queues, and starting its consumer anew when it does not.

Seen with Celery 5.7 and Kombu 5.7, 2026-11-20: when the broker dies while every slot of a worker is busy, the consumer
has nothing open that could tell it so. The acknowledgements fail in the pool's threads, are logged, and stay counted as
messages in hand; with all of the prefetch count used up by them, the worker never asks for another message. This step
looks for that state and raises the connection error that nobody raised.
"""

from typing import Any, Final

import redis
from celery import bootsteps
from celery.worker import state
from celery.worker.consumer.tasks import Tasks

from shared import log
from shared.vitals import Vitals
from worker.lanes import Lanes

LOOK_EVERY_S: Final = 1.0
_LOOKS: Final = 2  # one may fall between a message's arrival and its entry in the list of requests
_ROUND_S: Final = 300.0  # seen between two looks while a broker was silent: 55 s; then each channel is tried four times
_AWAY: Final = "is not connected"
_logger = log.get(__name__)


class Vigil(bootsteps.StartStopStep):  # type: ignore[misc]
    """A step of the consumer that lives as long as one connection."""

    requires = (Tasks, Lanes)

    def __init__(self, parent: Any, *, vitals: Vitals, **options: Any) -> None:
        super().__init__(parent, **options)
        self._vitals = vitals
        vitals.note("broker", _AWAY)
        self._entry: Any = None
        self._suspicious_looks = 0

    def start(self, parent: Any) -> None:
        """Begin to look, once a second, from the consumer's own loop."""
        self._suspicious_looks = 0
        self._vitals.note("broker")
        self._vitals.beat("consumer", _ROUND_S)
        self._entry = parent.timer.call_repeatedly(LOOK_EVERY_S, self._look, (parent,))

    def stop(self, parent: Any) -> None:
        """Stop looking: the connection is given up, or the worker ends."""
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None
            self._vitals.note("broker", _AWAY)
            self._vitals.rest("consumer")  # until there is a connection again; Celery tries by itself

    shutdown = stop

    def _look(self, parent: Any) -> None:
        self._vitals.beat("consumer", _ROUND_S)
        try:
            deaf = self._holds_what_nobody_runs(parent)
        except RuntimeError:  # a thread took its request off the list while it was read
            deaf = False
        self._suspicious_looks = self._suspicious_looks + 1 if deaf else 0
        if self._suspicious_looks >= _LOOKS:
            _logger.warning("consumer_started_anew")
            raise redis.ConnectionError("messages are held that no thread works on: their acknowledgements were lost")

    def _holds_what_nobody_runs(self, parent: Any) -> bool:
        consumers = [consumer for consumer in (parent.task_consumer, *parent.lanes) if consumer is not None]
        busy = {request.delivery_info["routing_key"] for request in state.reserved_requests}
        for consumer in consumers:
            quality = consumer.channel.qos
            is_busy = any(consumer.consuming_from(queue) for queue in busy)
            if not is_busy and len(quality._delivered) > len(quality._dirty):
                return True
        return False
