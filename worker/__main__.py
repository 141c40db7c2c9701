"""A worker process: `python -m worker [--queues audio,vendor,callback] [--threads N]`.

`clonepipe worker` has looked at these options before; here they are taken at their word.
Threads, not forks: what is heavy on memory or hostile happens in the decoding child, and numpy lets go of the
interpreter while it counts.
"""

import argparse
import sys
import warnings

from celery.exceptions import SecurityWarning

from shared import interrupt, leash, log
from shared.settings import settings
from shared.states import Queue
from shared.vitals import Vitals
from worker.app import make_app
from worker.lanes import LanePool, first_lane


def main(arguments: list[str]) -> None:
    """Serve the queues until told to stop."""
    interrupt.end_at_once()  # until Celery listens for it
    parser = argparse.ArgumentParser(prog="python -m worker", allow_abbrev=False)
    parser.add_argument("--queues", default=",".join(Queue), help="comma-separated, of: " + ", ".join(Queue))
    parser.add_argument("--threads", type=int, default=settings().worker_threads)
    options = parser.parse_args(arguments)
    queues = frozenset(Queue(name) for name in options.queues.split(","))
    log.configure("worker", settings().log_format)
    leash.watch()
    vitals = Vitals()
    app = make_app(settings(), queues, options.threads, vitals)
    # Celery warns who runs it as root that pickled messages are dangerous; it takes JSON ids only.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app.Worker(
        pool=LanePool, concurrency=options.threads, queues=first_lane(queues).value, lanes=queues, vitals=vitals,
        loglevel="WARNING", quiet=True, without_gossip=True, without_mingle=True, without_heartbeat=True,
    ).start()  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
