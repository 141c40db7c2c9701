"""A poll sees what the clone's own view shows, for the key's account alone, and begins no transaction."""

from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import select, text

from shared import clones, keys, views
from shared.db.engine import Database
from shared.db.models import ApiKey
from shared.keys import MAIN_ACCOUNT, Caller
from shared.polls import poll

NewClone = Callable[..., tuple[str, str]]


def new_key(database: Database, account_id: str = MAIN_ACCOUNT, *scopes: str) -> str:
    with database.write() as session:
        return keys.create_key(session, account_id, name="test", scopes=scopes or tuple(keys.ALL_SCOPES))


def asked(database: Database, key: str, clone_id: str) -> tuple[Caller | None, views.CloneView | None]:
    with database.glance() as connection:
        return poll(connection, key, clone_id)


def test_a_poll_tells_who_asks_and_the_clone_as_it_is_read_elsewhere(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    key = new_key(database, MAIN_ACCOUNT, "voice:read")
    caller, view = asked(database, key, clone_id)
    with database.read() as session:
        assert caller == keys.find_caller(session, key)
        expected = views.get(session, MAIN_ACCOUNT, clone_id)
    assert view is not None
    assert view.eta_s is not None
    assert [getattr(view, name) for name in view.__slots__ if not name.startswith("eta_")] == [
        getattr(expected, name) for name in view.__slots__ if not name.startswith("eta_")
    ]


def test_another_accounts_clone_a_deleted_one_and_none_are_alike(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    key = new_key(database)
    with database.write() as session:
        other = keys.create_account(session)
    caller, view = asked(database, new_key(database, other), clone_id)
    assert caller is not None
    assert (caller.account_id, view) == (other, None)
    assert asked(database, key, "vc_none")[1] is None
    with database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, clone_id)
    caller, view = asked(database, key, clone_id)
    assert (caller is not None, view) == (True, None)


def test_a_key_that_was_revoked_is_nobodys_at_the_next_poll(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    key = new_key(database)
    assert asked(database, key, clone_id)[1] is not None
    with database.write() as session:
        key_id = session.scalars(select(ApiKey.id).where(ApiKey.digest == keys.digest(key))).one()
        keys.revoke(session, key_id)
    assert asked(database, key, clone_id) == (None, None)
    assert asked(database, "cp_never", clone_id) == (None, None)


def test_a_glance_begins_no_transaction_and_leaves_the_connection_as_it_was(database: Database) -> None:
    def in_transaction(driver: Any) -> bool:
        if isinstance(driver, psycopg.Connection):
            return driver.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE
        return bool(driver.in_transaction)

    for _ in range(2):
        with database.glance() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
            assert not in_transaction(connection.connection.driver_connection)
        with database.read() as session:
            assert session.scalar(text("SELECT 1")) == 1
            assert in_transaction(session.connection().connection.driver_connection)
