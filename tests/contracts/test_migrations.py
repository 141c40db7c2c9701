"""The models and the migrations say the same on every database, and every earlier version can be brought up."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from shared.db import migrate
from shared.db.engine import Database
from shared.db.migrate import is_current, upgrade
from shared.db.models import Base
from tests.databases import KINDS, PostgresServer, sqlite_url

SCRIPTS = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()]


@pytest.fixture(params=KINDS)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        database = Database(server.new_database(migrated=False))
    else:
        database = Database(sqlite_url(tmp_path))
    yield database
    database.dispose()


def tables_differ(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def write(database: Database, statement: str) -> None:
    with database.write() as session:
        session.execute(text(statement))


def test_a_migrated_database_has_exactly_the_models_tables(database: Database) -> None:
    assert tables_differ(database) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    upgrade(database)
    assert is_current(database)


def test_an_empty_database_is_not_current(empty_database: Database) -> None:
    assert not is_current(empty_database)


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_earlier_version_is_brought_up_with_its_rows(empty_database: Database, revision: str) -> None:
    upgrade(empty_database, revision)
    write(empty_database, "INSERT INTO accounts (id, clones_held, created_at) VALUES ('acc_old', 3, 1)")
    upgrade(empty_database)
    assert is_current(empty_database)
    assert tables_differ(empty_database) == []
    with empty_database.read() as session:
        assert session.execute(text("SELECT clones_held FROM accounts WHERE id = 'acc_old'")).scalar() == 3


def _upgrade(url: str) -> None:
    upgrade(Database(url))


def test_two_processes_may_migrate_at_once(empty_database: Database) -> None:
    url = empty_database.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    racers = [context.Process(target=_upgrade, args=(url,)) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0, 0, 0]
    assert is_current(empty_database)
