"""What a database cannot do for the moment is told as that, so that whoever asks comes again."""

from contextlib import suppress

import pytest
from sqlalchemy import text

from shared.db.engine import Database
from shared.db.migrate import require_current
from shared.errors import DatabaseUnavailable, SetupError
from tests.databases import PostgresServer


def test_a_database_that_takes_no_writes_is_unavailable_until_it_does(postgres: PostgresServer) -> None:
    database = Database(postgres.new_database())
    make = "INSERT INTO accounts (id, clones_held, created_at) VALUES ('acc_a', 0, 1)"
    with postgres.read_only(database.url.render_as_string(hide_password=False)):
        for _ in range(2):  # the first may meet a connection that was ended
            with pytest.raises(DatabaseUnavailable) as refused, database.write() as session:
                session.execute(text(make))
        assert "no writes" in refused.value.message
        with pytest.raises(DatabaseUnavailable, match="no writes"):
            database.check_writable()
    with suppress(DatabaseUnavailable):  # so may this one
        database.check_writable()
    database.check_writable()
    with suppress(DatabaseUnavailable), database.read() as session:
        session.execute(text("SELECT 1"))
    with database.write() as session:
        session.execute(text(make))
    database.dispose()


def test_a_database_without_our_tables_is_told_with_what_to_do(postgres: PostgresServer) -> None:
    database = Database(postgres.new_database(migrated=False))
    with pytest.raises(DatabaseUnavailable, match="clonepipe migrate"), database.read() as session:
        session.execute(text("SELECT 1 FROM accounts"))
    with pytest.raises(SetupError, match="clonepipe migrate"):
        require_current(database)
    database.dispose()
