"""The database's clock is one clock: aware in Python, milliseconds in every database, near our own."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from shared.db.engine import Database
from shared.db.moment import db_now
from shared.errors import DatabaseUnavailable, SetupError


def test_the_database_tells_the_time_in_utc_with_milliseconds(database: Database) -> None:
    with database.read() as session:
        now, later = session.execute(select(db_now(), db_now(90.5))).one()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)
    assert timedelta(seconds=90.4) < later - now < timedelta(seconds=90.6)


def test_a_block_that_raises_writes_nothing(database: Database) -> None:
    def fail_after_writing() -> None:
        with database.write() as session:
            session.execute(text("DELETE FROM accounts"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM accounts")).scalar() == 1


def test_a_database_that_is_not_there_is_said_plainly() -> None:
    away = Database("postgresql+psycopg://postgres@127.0.0.1:9/none")
    with pytest.raises(DatabaseUnavailable), away.read() as session:
        session.execute(text("SELECT 1"))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y"])
def test_a_database_that_cannot_be_shared_is_refused(url: str) -> None:
    with pytest.raises(SetupError):
        Database(url)
