"""The two profiles that every test of a whole service runs on.

`laptop`: nothing but Python; `clonepipe up` runs the broker itself. `deployed`: PostgreSQL, an S3 server and a broker
on TCP that keeps nothing when it dies, all of them somebody else's.
"""

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from shared.broker import EmbeddedBroker, find_server
from tests.databases import PostgresServer
from tests.processes import until
from tests.servers import S3Server, free_ports

NAMES = ("laptop", "deployed")


@dataclass
class TcpBroker:
    """A broker that nobody supervises but the test."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [
            str(find_server()),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert until(self._answers)

    def _answers(self) -> bool:
        with redis.Redis(port=self.port, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def stop(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait()


@dataclass(eq=False)
class Profile:
    """Where a service keeps what it keeps: settings for it, and the broker if it is not the service's own."""

    name: str
    settings: dict[str, object] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    broker: TcpBroker | None = None

    def broker_client(self, data_dir: Path) -> redis.Redis:
        if self.broker is not None:
            return redis.Redis(port=self.broker.port, socket_timeout=5)
        return redis.Redis(unix_socket_path=str(EmbeddedBroker(data_dir).socket_path), socket_timeout=5)


LAPTOP = Profile("laptop")


@contextmanager
def deployed(postgres: PostgresServer, s3: S3Server) -> Iterator[Profile]:
    """A profile on servers of its own: a fresh database, a fresh prefix, a fresh broker."""
    # The test reads the storage as the service does, with the standard variables.
    os.environ.update(s3.environment)
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        broker = TcpBroker(free_ports(1)[0], Path(folder))
        broker.start()
        database_url = postgres.new_database(migrated=False)
        try:
            settings: dict[str, object] = {
                "database_url": database_url,
                "storage_url": f"s3://{s3.bucket}/{secrets.token_hex(4)}",
                "s3_endpoint_url": s3.endpoint_url,
                "broker_url": broker.url,
            }
            yield Profile("deployed", settings, s3.environment, broker)
        finally:
            broker.stop()
            postgres.drop(database_url)


def _made(request: pytest.FixtureRequest) -> Iterator[Profile]:
    if request.param == "laptop":
        yield LAPTOP
        return
    with deployed(request.getfixturevalue("postgres"), request.getfixturevalue("s3_server")) as made:
        yield made


@pytest.fixture(scope="module", params=NAMES)
def profile(request: pytest.FixtureRequest) -> Iterator[Profile]:
    """Each profile in turn, one for the services of a module."""
    yield from _made(request)


@pytest.fixture(params=NAMES)
def own_profile(request: pytest.FixtureRequest) -> Iterator[Profile]:
    """Each profile in turn, for a test whose job no other service's worker may take."""
    yield from _made(request)
