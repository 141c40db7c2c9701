"""`clonepipe up`, `api`, `worker`, `relay`, `migrate`: the processes of the service.

What they need is imported when they run: the client's commands share this program and must start quickly.
"""

import os
import sys
import time
from typing import Annotated

import typer

from shared import interrupt, leash, log
from shared.errors import SetupError
from shared.settings import MAX_WORKER_THREADS, Settings, settings, unknown_settings
from shared.states import Queue


def up() -> None:
    """Serve from this machine: API, relay, worker and broker, supervised. Ctrl-C stops them in order."""
    from api.service import serve

    leash.watch()
    raise typer.Exit(serve(_chosen("up")))


def api(
    fd: Annotated[
        int | None, typer.Option(min=0, help="Serve on this inherited socket instead of HOST and PORT")
    ] = None,
) -> None:
    """Serve the API alone."""
    from api.service import serve_api

    # Who hands us a socket is the supervisor, which has told of unknown settings already.
    serve_api(settings() if fd is not None else _chosen("api"), fd)


def worker(
    queues: Annotated[str, typer.Option(help="Which kinds of work it takes, with commas between them")] = ",".join(
        Queue
    ),
    threads: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_WORKER_THREADS, help="Jobs it runs at once; default CLONEPIPE_WORKER_THREADS"),
    ] = None,
) -> None:
    """Run a worker."""
    names = list(dict.fromkeys(name.strip() for name in queues.split(",")))
    unknown = [name for name in names if name not in tuple(Queue)]
    if unknown:
        raise SetupError(f"There is no queue '{unknown[0]}'; the queues are {', '.join(Queue)}.")
    chosen = _chosen("worker")
    _become("worker", "--queues", ",".join(names), "--threads", str(threads or chosen.worker_threads))


def relay() -> None:
    """Run a relay: it announces what is due and sweeps up. Two are harmless."""
    _chosen("relay")
    _become("worker.relay")


def _chosen(process: str) -> Settings:
    """Return the settings; variables that look like one and are none are told in the log, once for each start."""
    chosen = settings()
    log.configure(process, chosen.log_format)
    for sentence in unknown_settings():
        log.get(__name__).warning("unknown_setting", message=sentence)
    return chosen


def _become(module: str, *arguments: str) -> None:
    """Turn this process into another room's: the API's room imports nothing of it."""
    interrupt.hold()
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])  # noqa: S606  # our own interpreter


def migrate() -> None:
    """Bring the database to this version's tables."""
    from api.service import migrate_database

    began_s = time.monotonic()
    migrate_database(_chosen("migrate"))
    typer.echo(f"the database is up to date ({time.monotonic() - began_s:.1f} s)")
