"""The processes that are measured: the product's API alone (nobody works on what it takes), and its floors' servers.

Each listens on a socket that is opened here, so no port is guessed, and ends with the block that began it, also when
this process is killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from api.listener import bind
from shared.db.engine import Database
from shared.db.migrate import upgrade
from shared.settings import Settings
from tests.processes import until

HOUSE = Path(__file__).parents[2]
KEY = "bench-key-0123456789"
START_S = 60.0
END_S = 15.0
# Whatever the operator may limit by a count of requests or clones would refuse a bench at some point.
UNLIMITED = {name: 0 for name in Settings.model_fields if name == "max_clones_per_user" or "requests" in name}
AWS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(
    arguments: Sequence[str], log_path: Path, environment: Mapping[str, str] | None = None, *, path: str | None = None
) -> Iterator[Server]:
    """Run a Python module on a socket of its own; `{fd}` in the arguments is its number, `path` tells of readiness."""
    listener = bind("127.0.0.1", 0)
    number = str(listener.fileno())
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *(word.replace("{fd}", number) for word in arguments)], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, env=os.environ | dict(environment or {}), pass_fds=[listener.fileno()], cwd=HOUSE,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )  # fmt: skip
    server = Server(listener.getsockname()[1], process.pid)
    listener.close()
    try:
        if path is not None and not until(lambda: _answers(process, server.url + path), START_S):
            raise RuntimeError(f"{arguments[0]} did not start:\n{log_path.read_text(errors='replace')[-2000:]}")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"a server ended at its start with exit code {process.returncode}")
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def running_api(folder: Path, **settings: object) -> Iterator[Server]:
    """Run the API alone on a fresh data folder; it finds neither worker nor broker, which it does not wait for."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = Settings(data_dir=folder, **settings)  # type: ignore[arg-type]
    database = Database(chosen.database_url)
    upgrade(database)
    database.dispose()
    values = {"data_dir": folder, "bootstrap_api_key": KEY, **UNLIMITED, **settings}
    environment = {f"CLONEPIPE_{name.upper()}": str(value) for name, value in values.items()} | AWS
    with running(["api", "api", "--fd", "{fd}"], folder / "log", environment, path="/livez") as server:
        yield server


@contextmanager
def running_bare(folder: Path, body: bytes = b"{}") -> Iterator[Server]:
    """Run Starlette with nothing behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "body.json").write_bytes(body)
    with running(["tests.bench.bare", "{fd}", str(folder / "body.json")], folder / "log", path="/") as server:
        yield server


@contextmanager
def running_sink(folder: Path) -> Iterator[Server]:
    """Run the S3 server that only drains."""
    folder.mkdir(parents=True, exist_ok=True)
    with running(["tests.bench.sink", "{fd}"], folder / "log") as server:
        yield server


def s3_settings(sink: Server) -> dict[str, object]:
    """Return the settings of a service that stores there."""
    return {"storage_url": "s3://bench/recordings", "s3_endpoint_url": sink.url, "s3_region": "us-east-1"}
