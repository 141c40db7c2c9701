"""Fixtures that every room uses: a database of each kind, an opened service on a laptop's profile."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared import keys
from shared.clones import NewClone, NewSample, create
from shared.db.engine import Database
from shared.db.migrate import upgrade
from shared.ids import CLONE, SAMPLE, new_id
from tests.databases import KINDS, PostgresServer, postgres_server, sqlite_url
from tests.profiles import own_profile, profile
from tests.servers import s3_server

__all__ = ["own_profile", "profile", "s3_server"]  # fixtures that live beside what they start


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what calls the vendors themselves, unless the run asks for it by its marker."""
    if "live" in config.option.markexpr:
        return
    live = [item for item in items if item.get_closest_marker("live")]
    if live:
        config.hook.pytest_deselected(items=live)
        items[:] = [item for item in items if item not in live]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database of each kind."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
        yield url
        server.drop(url)
        return
    url = sqlite_url(tmp_path)
    upgrade(Database(url))
    yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database of each kind, with the account `main`."""
    opened = Database(database_url)
    keys.ensure_bootstrap(opened, None)
    yield opened
    opened.dispose()


@pytest.fixture
def new_clone(database: Database) -> Callable[..., tuple[str, str]]:
    """Write a clone with one sample; return its id and its job's."""

    def make(account_id: str = keys.MAIN_ACCOUNT, max_clones: int = 0, name: str = "Anna") -> tuple[str, str]:
        with database.write() as session:
            new = an_order(account_id, name)
            return new.id, create(session, new, max_clones=max_clones, training_typical_s=4.0)

    return make


def an_order(account_id: str = keys.MAIN_ACCOUNT, name: str = "Anna") -> NewClone:
    """Return an order with one sample whose object does not exist."""
    clone_id, sample_id = new_id(CLONE), new_id(SAMPLE)
    key = f"samples/2026-11-20/{account_id}/{clone_id}/{sample_id}/original"
    sample = NewSample(sample_id, "anna.wav", "audio/wav", "wav", 1000, "0" * 64, key)
    return NewClone(clone_id, account_id, name, "sandbox", "default", (sample,))
