"""The service's processes as the commands start them: everything under one supervisor, the API alone, the migration.

Heavy to import; the client's commands must not (api/commands/serving.py imports it only when a process is started).
"""

import contextlib
import fcntl
import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import typer
import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from api.app import create_app
from api.client import KEY_FILE
from api.health import PRIVATE_WEBHOOKS
from api.listener import inherit
from api.protocol import BoundedProtocol
from api.supervisor import ChildSpec, bind, supervise
from shared import keys, leash, log, metrics
from shared.broker import EmbeddedBroker, broker_url, ping
from shared.db.engine import Database
from shared.db.migrate import require_current, upgrade
from shared.doorbell import BackgroundBell
from shared.errors import DatabaseUnavailable, SetupError
from shared.monitor import open_monitor
from shared.services import Services
from shared.settings import EMBEDDED, Settings

_GRACE_S = 10
_BROKER_ANSWERS_S = 1.0
# At every start that the kernel could be tuned for snapshots, which this broker never makes; and farewells.
_HUSHED_OF_VALKEY = (
    "Memory overcommit must be enabled",
    "Received SIGTERM scheduling shutdown",
    "is now ready to exit",
)
_HUSHED_OF_CELERY = ("worker: Warm shutdown", "worker: Cold shutdown")
_logger = log.get(__name__)


def serve(chosen: Settings) -> int:
    """Set up the data folder and supervise everything until a signal comes; return the exit code.

    What cannot work is refused here, in a sentence, before any child is started. Raises: SetupError.
    """
    log.configure("up", chosen.log_format)
    with _alone_in(chosen.data_dir):
        services = Services.open(chosen)
        _migrate(services.database)
        keys.ensure_bootstrap(services.database, _own_key(chosen))
        services.database.dispose()
        listener = bind(chosen.host, chosen.port)
        host, port = listener.getsockname()[:2]
        url = f"http://{host if ':' not in host else f'[{host}]'}:{port}"

        def greet(stopping: threading.Event) -> None:
            if _answers(url, stopping):
                typer.echo(_banner(url, chosen) + _broker_notice(chosen) + _webhook_notice(chosen), err=True)

        return supervise(_children(chosen, listener), ready=greet)


@contextlib.contextmanager
def _alone_in(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this supervisor; the kernel lets go of it with the process, however that ends."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(f"CLONEPIPE_DATA_DIR is {data_dir}, which cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise SetupError(
            f"Another 'clonepipe up' runs on {data_dir}. Stop it, or choose another folder with CLONEPIPE_DATA_DIR."
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def _migrate(database: Database) -> None:
    """Bring the database up to date, or say which one it is that cannot be reached, and why."""
    try:
        upgrade(database)
    except DatabaseUnavailable as error:
        where = database.url.render_as_string(hide_password=True)
        cause = str(getattr(error.__cause__, "orig", error.message)).strip().splitlines()[0]
        raise SetupError(f"CLONEPIPE_DATABASE_URL is {where}. {error.message} ({cause})") from error


def _children(chosen: Settings, listener: socket.socket) -> list[ChildSpec]:
    python = (sys.executable, "-P", "-m")  # -P: the folder we are started in may hold packages of our rooms' names
    children = []
    if chosen.broker_url == EMBEDDED:
        command = EmbeddedBroker(chosen.data_dir).command()
        children.append(ChildSpec("broker", command, hushed=_HUSHED_OF_VALKEY))
    descriptor = listener.fileno()
    # A child writes into our pipe and cannot see that a person reads along.
    words = {"CLONEPIPE_LOG_FORMAT": "console"} if chosen.log_format == "auto" and sys.stdout.isatty() else {}
    children += [
        ChildSpec("api", (*python, "api", "api", "--fd", str(descriptor)), words, (descriptor,)),
        ChildSpec("relay", (*python, "worker.relay"), words | _metrics_port(chosen, 1)),
        ChildSpec("worker", (*python, "worker"), words | _metrics_port(chosen, 2), hushed=_HUSHED_OF_CELERY),
    ]
    return children


def _metrics_port(chosen: Settings, after: int) -> dict[str, str]:
    """Return the variable of a child's own port, so many after the API's; nothing where none is set."""
    return {} if chosen.metrics_port is None else {"CLONEPIPE_METRICS_PORT": str(chosen.metrics_port + after)}


def _own_key(chosen: Settings) -> str:
    """Return the operator's key, or the one this machine made for itself."""
    if chosen.bootstrap_api_key is not None:
        return chosen.bootstrap_api_key.get_secret_value()
    path = chosen.data_dir / KEY_FILE
    # Created with its mode, not changed to it: at no moment can another user read it.
    with (
        contextlib.suppress(FileExistsError),
        os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
    ):
        file.write(f"cp_{secrets.token_hex(20)}\n")
    return path.read_text().strip()


def _answers(url: str, stopping: threading.Event) -> bool:
    while not stopping.is_set():
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/livez", timeout=2, trust_env=False).status_code == 200:
                return True
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


def _broker_notice(chosen: Settings) -> str:
    """Return a line where the operator's broker does not answer; never its URL, which may hold a password."""
    if chosen.broker_url == EMBEDDED or ping(chosen.broker_url, _BROKER_ANSWERS_S):
        return ""
    return "\nCLONEPIPE_BROKER_URL cannot be reached: recordings are accepted, work begins when the broker is back\n"


def _webhook_notice(chosen: Settings) -> str:
    return f"\n{PRIVATE_WEBHOOKS}\n" if chosen.allow_private_webhooks else ""


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def serve_api(chosen: Settings, descriptor: int | None) -> None:
    """Serve the API alone, on an inherited socket or on HOST and PORT. Raises: SetupError."""
    log.configure("api", chosen.log_format)
    leash.watch()
    inherited = None if descriptor is None else inherit(descriptor)
    services = Services.open(chosen, hurried=True)
    if chosen.allow_private_webhooks:
        _logger.warning("private_webhooks_allowed", meaning=PRIVATE_WEBHOOKS)
    require_current(services.database)
    secret = chosen.bootstrap_api_key
    keys.ensure_bootstrap(services.database, secret.get_secret_value() if secret else None)
    listener = inherited or bind(chosen.host, chosen.port)
    open_monitor(chosen, metrics.API, None)
    _serve(create_app(services, BackgroundBell(broker_url(chosen))), listener)


def _serve(app: FastAPI, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", server_header=False,
        http=BoundedProtocol, timeout_keep_alive=30, timeout_graceful_shutdown=_GRACE_S,
    )  # fmt: skip
    _Server(config, app).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that lets nobody wait on when it is told to stop, where it would wait for their clients to leave."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.is_ending = True
        self._app.state.feed.close()
        await super().shutdown(sockets)


def migrate_database(chosen: Settings) -> None:
    """Bring the database to this version's tables. Raises: SetupError, DatabaseUnavailable."""
    database = Database(chosen.database_url)
    _migrate(database)
    keys.ensure_bootstrap(database, None)
