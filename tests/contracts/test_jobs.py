"""Announcing what is due, held on every database: a window, fair to every account, that forgets nothing."""

from collections.abc import Callable

from sqlalchemy import update

from shared import jobs
from shared.db.engine import Database
from shared.db.models import Job
from shared.db.moment import db_now
from shared.keys import create_account
from shared.states import Queue
from tests.contracts.test_claims import job_row, must_take

NewClone = Callable[..., tuple[str, str]]


def announce(database: Database, queue: Queue = Queue.AUDIO) -> list[str]:
    with database.write() as session:
        return jobs.announce_due(session, queue).ids


def make_announceable(database: Database) -> None:
    with database.write() as session:
        session.execute(update(Job).values(announce_at=db_now(-1)))


def test_the_window_is_shared_round_robin_by_account(database: Database, new_clone: NewClone) -> None:
    with database.write() as session:
        small = create_account(session)
    for _ in range(60):
        new_clone()
    theirs = {new_clone(small)[1] for _ in range(5)}
    make_announceable(database)
    chosen = announce(database)
    assert len(chosen) == jobs.SMALLEST_WINDOW
    assert theirs <= set(chosen[:10])


def test_the_window_does_not_overflow_and_reopens_as_jobs_are_claimed(database: Database, new_clone: NewClone) -> None:
    for _ in range(jobs.SMALLEST_WINDOW + 8):
        new_clone()
    make_announceable(database)
    first = announce(database)
    assert announce(database) == []
    for job_id in first[:3]:
        must_take(database, job_id)
    assert len(announce(database)) == 3


def test_what_nobody_claimed_is_announced_again(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    make_announceable(database)
    assert announce(database) == [job_id]
    assert announce(database) == []
    make_announceable(database)
    assert announce(database) == [job_id]
    row = job_row(database, job_id)
    assert row.announcements == 2


def test_a_broker_without_memory_has_everything_announced_again(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    make_announceable(database)
    announce(database)
    with database.write() as session:
        jobs.forget_announcements(session)
    assert announce(database) == [job_id]


def test_live_workers_widen_the_window(database: Database) -> None:
    with database.write() as session:
        jobs.note_presence(session, "one", [Queue.AUDIO], 30)
        jobs.note_presence(session, "two", [Queue.AUDIO, Queue.VENDOR], 10)
        assert jobs.window(session, Queue.AUDIO) == 80
        assert jobs.window(session, Queue.VENDOR) == jobs.SMALLEST_WINDOW
