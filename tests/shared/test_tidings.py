"""What a commit tells others: after it, once, and nothing of what was rolled back."""

import pytest

from shared import keys, tidings
from shared.clones import create
from shared.db.engine import Database
from shared.tidings import Tidings
from tests.conftest import an_order


@pytest.fixture
def heard(database: Database) -> list[Tidings]:
    news: list[Tidings] = []
    database.listener = news.append
    return news


def test_a_new_line_is_told_after_its_commit(database: Database, heard: list[Tidings]) -> None:
    order = an_order()
    with database.write() as session:
        create(session, order, max_clones=0, training_typical_s=1.0)
        assert heard == []
    assert [news.clones for news in heard] == [{order.id: 1}]


def test_nothing_is_told_of_what_was_rolled_back(database: Database, heard: list[Tidings]) -> None:
    def begin_and_break() -> None:
        with database.write() as session:
            create(session, an_order(), max_clones=0, training_typical_s=1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begin_and_break()
    assert heard == []


def test_a_commit_without_news_tells_nothing(database: Database, heard: list[Tidings]) -> None:
    with database.write() as session:
        keys.create_account(session)
    assert heard == []


def test_endpoints_are_told_once_a_commit(database: Database, heard: list[Tidings]) -> None:
    with database.write() as session:
        for _ in range(3):
            tidings.note_delivery(session, "whe_1")
    assert [news.endpoints for news in heard] == [{"whe_1"}]
