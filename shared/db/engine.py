"""Opening a database by its URL, and the two kinds of transaction: reading and writing.

SQLite: write-ahead log, full sync (a 201 must survive a power cut), foreign keys, and `BEGIN IMMEDIATE` for writing,
so that two writers queue at the start instead of failing in the middle. PostgreSQL: read committed, and an end to
waiting (`shared.db.patience`). Nothing outside this folder knows which one it is.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from shared import tidings
from shared.db.closing import close
from shared.errors import DatabaseUnavailable, SetupError

_BUSY_TIMEOUT_S = 15.0
_POOL_TIMEOUT_S = 5.0  # for a connection that another thread still uses; PostgreSQL only
_WRITING = "clonepipe_writing"
_GLANCING = "clonepipe_glancing"


class Database:
    """An open database: hands out sessions whose transaction ends with the block."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = parse_url(url)
        self.engine = _open(self.url, pool_size)
        self._writing = self.engine.execution_options(**{_WRITING: True})
        alone = {_GLANCING: True} if self.url.get_backend_name() == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
        self._glancing = self.engine.execution_options(**alone)
        self.listener: tidings.Listener | None = None  # is told of every commit with news; must return at once

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A snapshot to read from; nothing written in it is kept. Raises: DatabaseUnavailable."""
        with named_errors(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: all of the block, or nothing if it raises. Raises: DatabaseUnavailable."""
        with named_errors(), Session(self._writing, expire_on_commit=False) as session:
            with session.begin():
                yield session
                close(session)
            news = tidings.taken(session)
        if news is not None and self.listener is not None:
            self.listener(news)

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """A connection for one statement that reads; no transaction is begun around it. Raises: DatabaseUnavailable."""
        with named_errors(), self._glancing.connect() as connection:
            yield connection

    def check_writable(self) -> None:
        """Begin a transaction that writes, and end it.

        Raises: DatabaseUnavailable: also where another program holds the lock, and where only reads are taken.
        """
        with self.write() as session:
            connection = session.connection()  # SQLite's lock is taken as the transaction begins
            if connection.dialect.name == "postgresql":
                setting = text("SELECT current_setting('transaction_read_only')")
                if connection.execute(setting).scalar_one() == "on":
                    raise DatabaseUnavailable(_PASSING["25006"])

    def dispose(self) -> None:
        """Close every pooled connection, for instance before or after a fork."""
        self.engine.dispose()


# States of a PostgreSQL server that pass, or that its operator ends: a fail-over, a full volume, a missing migration.
_PASSING: Final = {
    "25006": "The database takes no writes for the moment; try again in a moment.",
    "42P01": "The database does not have this version's tables; run 'clonepipe migrate'.",
}


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn what a driver raises when its database is away, locked or full into our own words."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if "disk is full" in str(error.orig):
            raise DatabaseUnavailable("The database cannot be written: its disk is full.") from error
        raise DatabaseUnavailable from error
    except PoolTimeoutError as error:
        raise DatabaseUnavailable("Too much is asked of the database at once; try again in a moment.") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable from error
        passing = _PASSING.get(getattr(error.orig, "sqlstate", None) or "")
        if passing is not None:
            raise DatabaseUnavailable(passing) from error
        raise


def parse_url(url: str) -> URL:
    """Return a database's URL in its parts. Raises: SetupError: when it is none; what it holds is not shown."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise SetupError("CLONEPIPE_DATABASE_URL is no URL; use sqlite:///… or postgresql+psycopg://….") from None


def _open(parsed: URL, pool_size: int) -> Engine:
    match parsed.get_backend_name():
        case "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise SetupError("CLONEPIPE_DATABASE_URL must name a file: several processes share the database.")
            _make_folder(Path(parsed.database).parent)
            engine = create_engine(parsed, pool_size=pool_size, connect_args={"timeout": _BUSY_TIMEOUT_S})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        case "postgresql":
            from shared.db.patience import CONNECT_WITHIN_S, make_patient  # the driver is loaded by who uses it

            engine = create_engine(
                parsed,
                pool_size=pool_size,
                pool_timeout=_POOL_TIMEOUT_S,
                connect_args={"connect_timeout": CONNECT_WITHIN_S},
            )
            make_patient(engine)
            return engine
        case other:
            raise SetupError(
                f"CLONEPIPE_DATABASE_URL begins with '{other}'; use sqlite:///… or postgresql+psycopg://…."
            )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SetupError(f"The database's folder {folder} cannot be made: {error.strerror}.") from error


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions behind our back; `_begin_sqlite` does
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options: dict[str, Any] = dict(connection.get_execution_options())
    if options.get(_GLANCING):
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITING) else "BEGIN")
