"""Lanes: each queue has slots of its own, so that hours of sound never hold back what takes a moment.

A consumer of Celery counts what it holds over all of its queues together, and its pool knows no queues: once long
recordings have filled the one, nothing of any queue is asked for, and once they have filled the other, nothing runs.
So here every queue is consumed on a channel of its own, whose count is its own, and done by threads of its own.
Threads are begun as they are needed; a lane that is never used costs nothing but its open connection.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import bootsteps
from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult, TaskPool
from celery.worker.consumer.tasks import Tasks
from kombu.common import ignore_errors

from shared.states import Queue


def first_lane(queues: frozenset[Queue]) -> Queue:
    """Return the queue that Celery's own consumer takes; `Lanes` takes the others."""
    return next(queue for queue in Queue if queue in queues)


class LanePool(TaskPool):  # type: ignore[misc]
    """A pool of threads for each queue. Its concurrency is the slots of one lane."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lanes: dict[str, ThreadPoolExecutor] = {}

    def on_apply(
        self,
        target: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **_: Any,
    ) -> ApplyResult:
        """Run a task in the lane of the queue that its message came by. Called by the consumer's thread only."""
        _name, _id, request = args[:3]
        lane = self._lane(request["delivery_info"]["routing_key"])
        return ApplyResult(lane.submit(apply_target, target, args, kwargs, callback, accept_callback))

    def on_stop(self) -> None:
        """Wait for what runs; what waits for a slot is given up, and its messages go back."""
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)
        for lane in self._lanes.values():
            lane.shutdown(wait=True)
        super().on_stop()

    def _lane(self, name: str) -> ThreadPoolExecutor:
        if name not in self._lanes:
            self._lanes[name] = ThreadPoolExecutor(self.limit, thread_name_prefix=name)
        return self._lanes[name]


class Lanes(bootsteps.StartStopStep):  # type: ignore[misc]
    """A step of the consumer: the other queues, each on a channel that holds no more messages than its lane has slots.

    It lives as long as one connection, whose end closes the channels.
    """

    requires = (Tasks,)

    def __init__(self, parent: Any, *, lanes: frozenset[Queue], **options: Any) -> None:
        super().__init__(parent, **options)
        parent.lanes = []  # the consumers beside `parent.task_consumer`
        self._queues = sorted(lanes - {first_lane(lanes)})

    def start(self, parent: Any) -> None:
        """Begin to consume."""
        for queue in self._queues:
            channel = parent.connection.channel()
            channel.basic_qos(0, parent.pool.num_processes, False)
            consumer = parent.app.amqp.TaskConsumer(
                channel, queues=[parent.app.amqp.queues[queue.value]], on_decode_error=parent.on_decode_error
            )
            consumer.on_message = parent.create_task_handler()
            consumer.consume()
            parent.lanes.append(consumer)

    def stop(self, parent: Any) -> None:
        """Ask for no more: the connection is given up, or the worker ends."""
        for consumer in parent.lanes:
            ignore_errors(parent, consumer.cancel)  # type: ignore[no-untyped-call]
        parent.lanes = []

    shutdown = stop
