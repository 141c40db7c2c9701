"""PostgreSQL with an end to waiting: a server that falls silent costs seconds, not the life of the caller.

A server that is frozen, or behind a network that swallows packets, holds its connections open: TCP goes on
acknowledging, so keepalives and user timeouts see nothing, and a statement timeout runs on the server's own clock. So
we count ourselves, where psycopg waits for the socket, and close a connection whose answer is overdue. While the server
is known to be silent one caller at a time tries it, briefly, and all others are told at once.
"""

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry
from typing_extensions import override

ANSWER_WITHIN_S: Final = 7.0  # for one statement, its wait for locks included
CONNECT_WITHIN_S: Final = 5
PING_WITHIN_S: Final = 2.0  # also for a connection's set-up while the server is known to be silent
_UNASKED_S: Final = 10.0  # how long a connection may have rested and be used without a ping
_ASK_EVERY_S: Final = 0.1

RV = TypeVar("RV")


class PatientConnection(psycopg.Connection[TupleRow]):
    """A connection that is closed, with an OperationalError, when the server owes an answer for too long."""

    patience_s: float = ANSWER_WITHIN_S
    silence: "Silence | None" = None
    heard_at_s: float = float("-inf")

    @override
    def wait(self, gen: PQGen[RV], interval: float = _ASK_EVERY_S, timeout: float | None = None) -> RV:
        patience_s = self.patience_s if timeout is None else timeout
        try:
            answer = super().wait(gen, interval, patience_s)
        except psycopg.OperationalError as error:
            # A statement that failed has ended; one that is still under way was given up, and so is its connection.
            if timeout is None and self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
                if self.silence is not None:
                    self.silence.begin()
                raise psycopg.OperationalError(f"the server has not answered for {patience_s:g} s") from error
            raise
        self.heard_at_s = time.monotonic()
        return answer

    def is_doubtful(self) -> bool:
        """Whether the server may have gone since: it said something unasked, its end included, or rested for long."""
        if time.monotonic() - self.heard_at_s > _UNASKED_S:
            return True
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))


class Silence:
    """What the callers of one engine know of a server that does not answer."""

    def __init__(self) -> None:
        self._is_silent = False
        self._attempt = threading.Lock()

    def begin(self) -> None:
        """Note that an answer is overdue."""
        self._is_silent = True

    def connect(self, connect: Any, **parameters: Any) -> PatientConnection:
        """Connect by calling `connect`; while the server is silent one caller at a time, with less patience.

        Raises: psycopg.OperationalError.
        """
        if not self._is_silent:
            return self._connect(connect, parameters)
        if not self._attempt.acquire(blocking=False):
            raise psycopg.OperationalError("the server does not answer; another connection is being tried")
        try:
            return self._connect(connect, parameters | {"connect_timeout": int(PING_WITHIN_S)})
        finally:
            self._attempt.release()

    def _connect(self, connect: Any, parameters: dict[str, Any]) -> PatientConnection:
        try:
            connection: PatientConnection = connect(**parameters)
        except psycopg.errors.ConnectionTimeout:
            self._is_silent = True
            raise
        self._is_silent = False
        connection.silence = self
        connection.heard_at_s = time.monotonic()
        return connection


def make_patient(engine: Engine) -> None:
    """Let an engine for PostgreSQL open patient connections, and look at one that rested before it is used."""
    silence = Silence()

    def connect(_dialect: Dialect, _entry: ConnectionPoolEntry, words: Any, parameters: Any) -> PatientConnection:
        return silence.connect(lambda **given: PatientConnection.connect(*words, **given), **parameters)

    def look(connection: PatientConnection, _entry: ConnectionPoolEntry, _proxy: object) -> None:
        if not connection.is_doubtful():
            return
        connection.patience_s = PING_WITHIN_S
        try:
            engine.dialect.do_ping(connection)  # type: ignore[arg-type]
        except psycopg.Error as error:
            raise InvalidatePoolError from error
        finally:
            connection.patience_s = ANSWER_WITHIN_S

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkout", look)


@contextmanager
def unhurried(connection: Connection, patience_s: float) -> Iterator[None]:
    """Let the statements of the block take longer, as a change of tables may."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, PatientConnection)
    driver.patience_s = patience_s
    try:
        yield
    finally:
        driver.patience_s = ANSWER_WITHIN_S
