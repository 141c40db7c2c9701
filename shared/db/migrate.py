"""Bringing a database to this version's tables, and checking that it is there."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from shared.db.engine import Database, named_errors
from shared.errors import SetupError

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 0x636C6F6E65  # any constant of our own: "clone"
_PATIENCE_S = 3600.0  # for another's migration, and for a change of large tables


def upgrade(database: Database, revision: str = "head") -> None:
    """Apply the migrations that are missing. Two processes may do so at once: the second waits, then finds it done."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    with named_errors(), database.engine.connect() as plain:
        connection = plain.execution_options(clonepipe_writing=True)
        config.attributes["connection"] = connection
        with _unhurried(connection), connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK_NUMBER})
            command.upgrade(config, revision)


def _unhurried(connection: Connection) -> AbstractContextManager[None]:
    if connection.dialect.name != "postgresql":
        return nullcontext()
    from shared.db.patience import unhurried

    return unhurried(connection, _PATIENCE_S)


def require_current(database: Database) -> None:
    """Raise SetupError unless the database has this version's tables. Raises: DatabaseUnavailable."""
    if not is_current(database):
        raise SetupError("The database does not have this version's tables; run 'clonepipe migrate'.")


def is_current(database: Database) -> bool:
    """Tell whether the database's tables are exactly those that this version knows."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    head = ScriptDirectory.from_config(config).get_current_head()
    with named_errors(), database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
