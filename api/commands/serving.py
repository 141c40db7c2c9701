"""`clonepipe up`, `api`, `worker`, `relay`, `migrate`: the processes of the service."""

import os
import secrets
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.client import KEY_FILE
from api.supervisor import ChildSpec, bind, supervise
from shared import keys, leash, log
from shared.broker import EmbeddedBroker, broker_url
from shared.db.engine import Database
from shared.db.migrate import is_current, upgrade
from shared.doorbell import BackgroundBell
from shared.errors import SetupError
from shared.services import Services
from shared.settings import EMBEDDED, Settings, settings

_GRACE_S = 10


def up() -> None:
    """Serve from this machine: API, relay, worker and broker, supervised. Ctrl-C stops them in order."""
    leash.watch()
    raise typer.Exit(serve(settings()))


def serve(chosen: Settings, *, quiet: bool = False) -> int:
    """Set up the data folder and supervise everything until a signal comes; return the exit code."""
    log.configure("up", chosen.log_format)
    listener = bind(chosen.host, chosen.port)
    chosen.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(chosen.database_url)
    upgrade(database)
    keys.ensure_bootstrap(database, _own_key(chosen))
    database.dispose()
    host, port = listener.getsockname()[:2]
    url = f"http://{host if ':' not in host else f'[{host}]'}:{port}"

    def greet(stopping: threading.Event) -> None:
        if _answers(url, stopping) and not quiet:
            typer.echo(_banner(url, chosen), err=True)

    return supervise(_children(chosen, listener), ready=greet)


def _children(chosen: Settings, listener: socket.socket) -> list[ChildSpec]:
    python = (sys.executable, "-P", "-m")  # -P: the folder we are started in may hold packages of our rooms' names
    children = []
    if chosen.broker_url == EMBEDDED:
        broker = EmbeddedBroker(chosen.data_dir)
        children.append(ChildSpec("broker", broker.command()))
    descriptor = listener.fileno()
    # A child writes into our pipe and cannot see that a person reads along.
    words = {"CLONEPIPE_LOG_FORMAT": "console"} if chosen.log_format == "auto" and sys.stdout.isatty() else {}
    children += [
        ChildSpec("api", (*python, "api", "api", "--fd", str(descriptor)), words, (descriptor,)),
        ChildSpec("relay", (*python, "worker.relay"), words),
        ChildSpec("worker", (*python, "worker"), words),
    ]
    return children


def _own_key(chosen: Settings) -> str:
    """Return the operator's key, or the one this machine made for itself."""
    if chosen.bootstrap_api_key is not None:
        return chosen.bootstrap_api_key.get_secret_value()
    path = chosen.data_dir / KEY_FILE
    try:
        # Created with its mode, not changed to it: at no moment can another user read it.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"cp_{secrets.token_hex(20)}\n")
    except FileExistsError:
        pass
    return path.read_text().strip()


def _answers(url: str, stopping: threading.Event) -> bool:
    while not stopping.is_set():
        try:
            if httpx.get(f"{url}/livez", timeout=2, trust_env=False).status_code == 200:
                return True
        except httpx.HTTPError:
            pass
        stopping.wait(0.1)
    return False


def _banner(url: str, chosen: Settings) -> str:
    if chosen.bootstrap_api_key is not None:
        key = "$CLONEPIPE_BOOTSTRAP_API_KEY"
    else:
        key = f"$(cat {_short(chosen.data_dir / KEY_FILE)})"
    return (
        f"\nclonepipe is ready at {url}   (documentation: {url}/docs)\n"
        f"data folder: {chosen.data_dir}\n\n"
        f'  curl {url}/api/v2/voice-clones -H "Authorization: Bearer {key}" \\\n'
        "       -F name=Anna -F files=@recording.wav\n"
    )


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def api(
    fd: Annotated[int | None, typer.Option(help="Serve on this inherited socket instead of HOST and PORT")] = None,
) -> None:
    """Serve the API alone."""
    chosen = settings()
    log.configure("api", chosen.log_format)
    leash.watch()
    services = Services.open(chosen)
    if not is_current(services.database):
        raise SetupError("The database does not have this version's tables; run 'clonepipe migrate'.")
    secret = chosen.bootstrap_api_key
    keys.ensure_bootstrap(services.database, secret.get_secret_value() if secret else None)
    listener = bind(chosen.host, chosen.port) if fd is None else socket.socket(fileno=fd)
    _serve(create_app(services, BackgroundBell(broker_url(chosen))), listener)


def _serve(app: FastAPI, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", server_header=False,
        timeout_keep_alive=30, timeout_graceful_shutdown=_GRACE_S,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])


def worker(context: typer.Context) -> None:
    """Run a worker: --queues audio,vendor,callback --threads N."""
    _become("worker", *context.args)


def relay() -> None:
    """Run a relay: it announces what is due and sweeps up. Two are harmless."""
    _become("worker.relay")


def _become(module: str, *arguments: str) -> None:
    """Turn this process into another room's: the API's room imports nothing of it."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])  # noqa: S606  # our own interpreter


def migrate() -> None:
    """Bring the database to this version's tables."""
    began_s = time.monotonic()
    database = Database(settings().database_url)
    upgrade(database)
    keys.ensure_bootstrap(database, None)
    typer.echo(f"the database is up to date ({time.monotonic() - began_s:.1f} s)")
