"""PostgreSQL that falls silent: every caller is told in seconds, and all goes on when it answers again."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest
from sqlalchemy import text

from shared.db import patience
from shared.db.engine import Database
from shared.db.migrate import is_current, upgrade
from shared.errors import DatabaseUnavailable
from tests.databases import PostgresServer, postgres_server
from tests.processes import until
from tests.swallower import swallower

MOST_S = patience.ANSWER_WITHIN_S + patience.CONNECT_WITHIN_S + 3  # and a busy machine


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that may be stopped without standing in another test's way."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["frozen", "swallowed"])
def silenced(request: pytest.FixtureRequest, own_server: PostgresServer) -> Iterator[tuple[Database, object]]:
    """A database with connections in its pool, and what makes its server silent for the length of a block."""
    url = own_server.new_database()
    with ExitStack() as stack:
        silence = own_server.frozen
        if request.param == "swallowed":
            proxy = stack.enter_context(swallower(own_server.folder / ".s.PGSQL.5432"))
            url = url.partition("?")[0].replace("@/", f"@127.0.0.1:{proxy.port}/") + "?sslmode=disable"
            silence = proxy.swallowing
        database = Database(url)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: ask(database, "SELECT pg_sleep(0.1)"), range(8)))
        yield database, silence
        database.dispose()


def ask(database: Database, statement: str = "SELECT 1") -> str:
    """Return how a transaction ended."""
    try:
        with database.write() as session:
            session.execute(text(statement))
    except DatabaseUnavailable:
        return "unavailable"
    return "ok"


def timed(database: Database) -> tuple[str, float]:
    began_s = time.monotonic()
    return ask(database), time.monotonic() - began_s


def test_every_caller_is_told_soon_and_served_again_afterwards(silenced) -> None:
    database, silence = silenced
    with silence(), ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: timed(database), range(40)))
        assert {word for word, _ in answers} == {"unavailable"}
        assert max(took_s for _, took_s in answers) < MOST_S
        # Known by now: nobody waits for the whole of it again.
        answers = list(pool.map(lambda _: timed(database), range(40)))
        assert {word for word, _ in answers} == {"unavailable"}
        assert max(took_s for _, took_s in answers) < patience.ANSWER_WITHIN_S
    assert until(lambda: ask(database) == "ok", MOST_S)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: ask(database), range(8))) == ["ok"] * 8


def test_a_transaction_that_is_caught_in_the_middle_ends_and_leaves_no_lock(silenced) -> None:
    database, silence = silenced
    lock = "SELECT pg_advisory_xact_lock(7)"

    def caught() -> None:
        with database.write() as session:
            session.execute(text(lock))
            with silence():
                session.execute(text("SELECT 1"))

    began_s = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        caught()
    assert time.monotonic() - began_s < MOST_S
    assert until(lambda: ask(database, lock) == "ok", MOST_S)


def test_a_connection_that_rested_is_looked_at_before_it_is_used(silenced, monkeypatch) -> None:
    database, silence = silenced
    monkeypatch.setattr(patience, "_UNASKED_S", 0.0)
    with silence():
        word, took_s = timed(database)
    assert (word, took_s < MOST_S) == ("unavailable", True)
    assert until(lambda: ask(database) == "ok", MOST_S)


def test_a_server_that_ended_its_connections_costs_nobody_an_error(own_server: PostgresServer) -> None:
    url = own_server.new_database()
    database = Database(url)
    assert ask(database) == "ok"
    # With a time to wait: without it the server answers before the other end is closed, and the question may be first.
    own_server.execute(
        f"SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = '{database.url.database}'"
    )
    assert ask(database) == "ok"
    database.dispose()


def test_a_statement_that_waits_for_a_lock_too_long_is_given_up(own_server: PostgresServer, monkeypatch) -> None:
    monkeypatch.setattr(patience.PatientConnection, "patience_s", 0.3)
    database = Database(own_server.new_database())
    lock = "SELECT pg_advisory_xact_lock(7)"
    with database.write() as session:
        session.execute(text(lock))
        assert ask(database, lock) == "unavailable"
    assert until(lambda: ask(database, lock) == "ok")
    database.dispose()


def test_a_migration_may_wait_for_another_longer_than_a_request(own_server: PostgresServer, monkeypatch) -> None:
    database = Database(own_server.new_database(migrated=False))
    monkeypatch.setattr(patience.PatientConnection, "patience_s", 0.3)
    with psycopg.connect(own_server.url(str(database.url.database)).replace("+psycopg", "")) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [0x636C6F6E65])
        second = threading.Thread(target=upgrade, args=(database,))
        second.start()
        assert not until(lambda: not second.is_alive(), 1.0)
    second.join(MOST_S)
    assert is_current(database)
    database.dispose()
