"""How far a job is becomes a line of its history each ten points, or when half a minute went by; on every database."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from shared import claims, events
from shared.claims import Claim
from shared.db.engine import Database
from shared.db.models import Job
from shared.db.moment import db_now
from shared.errors import ClaimLost
from shared.states import EventType, Stage, WaitingFor
from tests.contracts.test_claims import must_take

NewClone = Callable[..., tuple[str, str]]


def note(database: Database, claim: Claim, *percents: int) -> None:
    for percent in percents:
        with database.write() as session:
            claims.note_progress(session, claim, percent)


def told(database: Database, clone_id: str) -> list[int]:
    """Return what the lines say of the progress, oldest first."""
    with database.read() as session:
        lines = events.history(session, clone_id)
    return [line.data["training_progress"] for line in lines if line.type is EventType.PROGRESS]


def age(database: Database, job_id: str) -> None:
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(told_at=db_now(-31)))


def test_a_line_is_written_each_ten_points(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    note(database, must_take(database, job_id), *range(1, 35), 3, 40)
    assert told(database, clone_id) == [10, 20, 30, 40]


def test_a_line_is_written_after_half_a_minute_if_anything_was_won(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    claim = must_take(database, job_id)
    note(database, claim, 3)
    age(database, job_id)
    note(database, claim, 4, 5)
    age(database, job_id)
    note(database, claim, 4, 2)  # nothing is new: it is at 5
    assert told(database, clone_id) == [4, 5]
    age(database, job_id)
    note(database, claim, 5)
    assert told(database, clone_id) == [4, 5]


def test_the_vendors_percent_is_told_alike_and_a_stage_begins_the_count(
    database: Database, new_clone: NewClone
) -> None:
    clone_id, job_id = new_clone()
    taken = must_take(database, job_id)
    with database.write() as session:
        claim = claims.advance(session, taken, Stage.TRACK, keep_s=30.0)
    assert claim is not None
    for percent in (55, 61, 65, 99):
        with database.write() as session:
            claims.rest(session, claim, WaitingFor.VENDOR, 0.0, percent=percent)
        claim = must_take(database, job_id)
    assert told(database, clone_id) == [50, 61, 99]


def test_who_lost_the_claim_tells_nothing(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(fence=Job.fence + 1))
    with pytest.raises(ClaimLost):
        note(database, claim, 90)
    assert told(database, clone_id) == []
