"""One Celery hop with nothing to do at its end: the floor of every way from the API to a worker.

    python -m tests.bench.hop BROKER_URL      serves the queue until stopped

The worker is set up as the product's is: threads, the same transport options. Its task answers by pushing onto a list.
"""

import sys
import time
import warnings
from typing import Any

import redis
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging

from shared.doorbell import make_celery

QUEUE = "bench"
TASK = "bench.nothing"
REPLIES = "bench:replies"
WAIT_S = 30


class Caller:
    """Rings that worker and waits for its answer."""

    def __init__(self, url: str) -> None:
        self._celery = make_celery(url)
        self._redis = connected(url)

    def hop(self) -> float:
        """Return the seconds from sending to the task's answer, whose way back is a tenth of a millisecond."""
        began_s = time.perf_counter()
        self._celery.send_task(TASK, args=("job",), queue=QUEUE, retry=False, ignore_result=True)
        if self._redis.blpop([REPLIES], timeout=WAIT_S) is None:
            raise RuntimeError("no worker answered the floor's task")
        return time.perf_counter() - began_s


def connected(url: str) -> Any:
    """Return a client of the broker that waits as long as it is told to."""
    return redis.Redis.from_url(url.replace("redis+socket://", "unix://", 1), socket_timeout=None)


def main() -> None:
    """Work off the queue."""
    url = sys.argv[1]
    app = make_celery(url, socket_timeout_s=5.0)
    app.conf.update(worker_prefetch_multiplier=1, task_acks_late=True, worker_enable_remote_control=False)
    broker = connected(url)

    def answer(_: str) -> None:
        broker.rpush(REPLIES, "done")

    app.task(answer, name=TASK)
    setup_logging.connect(lambda **_: None, weak=False)  # that somebody listens keeps Celery from setting up logging
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app.Worker(
        pool="threads", concurrency=1, queues=QUEUE, loglevel="WARNING", quiet=True, without_gossip=True,
        without_mingle=True, without_heartbeat=True,
    ).start()  # fmt: skip


if __name__ == "__main__":
    main()
