"""How long a clone takes is said by the last ones, and between what where there are enough; on every database."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from shared import views
from shared.db.engine import Database
from shared.db.models import Job
from shared.db.moment import db_now
from shared.documents import clone_document
from shared.estimates import LEAST, Estimate, estimate
from shared.keys import MAIN_ACCOUNT
from shared.states import Outcome, WaitingFor

NewClone = Callable[..., tuple[str, str]]


def run_of(database: Database, new_clone: NewClone, length_s: float, **values: Any) -> None:
    """Write a run that took so long."""
    _, job_id = new_clone()
    ended = {"outcome": Outcome.DONE, "finished_at": db_now(length_s), "created_at": db_now()} | values
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(**ended))


def estimated(database: Database) -> Estimate:
    with database.read() as session:
        return estimate(session, "sandbox", "default", 100.0)


def shown(database: Database, clone_id: str) -> dict[str, Any]:
    with database.read() as session:
        return clone_document(views.get(session, MAIN_ACCOUNT, clone_id), None)


def test_without_a_history_it_is_the_vendors_word_and_no_range(database: Database, new_clone: NewClone) -> None:
    assert estimated(database) == Estimate(115.0)
    clone_id, _ = new_clone()
    assert shown(database, clone_id)["etaSeconds"] > 0
    assert shown(database, clone_id)["etaRange"] is None


def test_of_few_runs_no_range_is_told(database: Database, new_clone: NewClone) -> None:
    for length_s in range(10, 10 + LEAST - 1):
        run_of(database, new_clone, length_s)
    found = estimated(database)
    assert found.typical_s == pytest.approx(12, abs=0.5)
    assert (found.low_s, found.high_s) == (None, None)


def test_the_range_is_of_the_last_runs_without_the_two_furthest(database: Database, new_clone: NewClone) -> None:
    for length_s in [1.0, 1000.0, *range(20, 38)]:
        run_of(database, new_clone, length_s)
    run_of(database, new_clone, 5.0, retries=1)
    run_of(database, new_clone, 5.0, outcome=Outcome.FAILED)
    found = estimated(database)
    assert found.low_s == pytest.approx(20, abs=0.5)
    assert found.high_s == pytest.approx(37, abs=0.5)


def test_a_clone_shows_the_range_as_long_as_it_can_be_true(database: Database, new_clone: NewClone) -> None:
    for length_s in range(3000, 3000 + LEAST):
        run_of(database, new_clone, length_s)
    clone_id, job_id = new_clone()
    told = shown(database, clone_id)["etaRange"]
    assert 0 < told["low"] < told["high"] <= 3000 + LEAST
    for change, is_told in (
        ({"eta_low_at": db_now(-9)}, {"low": 0.0}),
        ({"eta_high_at": db_now(-1)}, None),
        ({"eta_high_at": db_now(99), "waiting_for": WaitingFor.VERIFICATION}, None),
    ):
        with database.write() as session:
            session.execute(update(Job).where(Job.id == job_id).values(**change))
        found = shown(database, clone_id)["etaRange"]
        assert found is None if is_told is None else found["low"] == is_told["low"]
