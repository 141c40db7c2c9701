"""The models and the migrations say the same, on every database."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from shared.db.engine import Database
from shared.db.migrate import is_current, upgrade
from shared.db.models import Base


def test_a_migrated_database_has_exactly_the_models_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    upgrade(database)
    assert is_current(database)
