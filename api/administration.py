"""Accounts and keys for the operator at the terminal: straight in the database, without a running service."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import fields
from shared import keys
from shared.db.engine import Database, parse_url
from shared.db.migrate import upgrade
from shared.errors import InvalidField
from shared.keys import ALL_SCOPES, KnownKey
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key, in clear for the only time."""

    key: str
    account_id: str
    scopes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "accountId": self.account_id, "scopes": list(self.scopes)}


def open_database(chosen: Settings) -> Database:
    """Open the database, with this version's tables. Raises: SetupError, DatabaseUnavailable."""
    database = Database(chosen.database_url)
    upgrade(database)
    keys.ensure_bootstrap(database, None)
    return database


def make_account(chosen: Settings, max_clones: int | None) -> str:
    """Make an account; return its id. Raises: SetupError, DatabaseUnavailable."""
    with open_database(chosen).write() as session:
        return keys.create_account(session, max_clones=max_clones)


def make_key(chosen: Settings, name: str, account_id: str | None, scopes: list[str] | None) -> MadeKey:
    """Make a key. Raises: NotFound, InvalidField, SetupError, DatabaseUnavailable."""
    owner = keys.account_called(account_id)
    called = fields.name("name", name)
    if not called:
        raise InvalidField("A key needs a name that says what it is for.", field="name")
    granted = tuple(scopes) if scopes else tuple(str(scope) for scope in ALL_SCOPES)
    with open_database(chosen).write() as session:
        return MadeKey(keys.create_key(session, owner, name=called, scopes=granted), owner, granted)


def unmake_key(chosen: Settings, made: MadeKey) -> None:
    """Revoke a key that nobody was told. Raises: SetupError, DatabaseUnavailable."""
    with open_database(chosen).write() as session:
        keys.revoke_secret(session, made.key)


def known_keys(chosen: Settings) -> tuple[KnownKey, ...]:
    """Return every key, revoked ones too; nothing is made to look for them. Raises: SetupError, DatabaseUnavailable."""
    url = parse_url(chosen.database_url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        return ()
    with open_database(chosen).read() as session:
        return keys.list_keys(session)


def end_key(chosen: Settings, key_id: str) -> None:
    """Revoke a key. Raises: NotFound, SetupError, DatabaseUnavailable."""
    with open_database(chosen).write() as session:
        keys.revoke(session, key_id)
