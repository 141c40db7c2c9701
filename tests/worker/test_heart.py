"""Leases are renewed while a stage runs, and given up for lost when somebody else has the job."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select, update

from shared import claims, jobs
from shared.claims import Claim
from shared.db.models import Job, WorkerPresence
from shared.errors import DatabaseUnavailable
from shared.states import Queue
from tests.databases import PostgresServer
from tests.processes import until
from tests.worker.conftest import Workshop
from worker.heart import Heart

LEASE_S = 0.6


def beating(workshop: Workshop) -> Heart:
    heart = Heart(workshop.database, owner="test", queues=frozenset({Queue.AUDIO}), slots=3, lease_s=LEASE_S)
    heart.start()
    return heart


def take(workshop: Workshop) -> Claim:
    _, job_id = workshop.order()
    with workshop.database.write() as session:
        claim = claims.take(session, job_id, owner="test", lease_s=LEASE_S)
    assert claim is not None
    return claim


def test_a_held_job_outlives_its_lease_many_times(workshop: Workshop) -> None:
    claim = take(workshop)
    first = workshop.job(claim.job_id).lease_until
    assert first is not None
    with beating(workshop).hold(claim) as hold:
        assert until(lambda: (workshop.job(claim.job_id).lease_until or first) - first > timedelta(seconds=3 * LEASE_S))
        assert not hold.is_lost


def test_a_job_that_is_let_go_is_not_renewed(workshop: Workshop) -> None:
    claim = take(workshop)
    heart = beating(workshop)
    with heart.hold(claim):
        pass

    def is_runnable() -> bool:
        with workshop.database.read() as session:
            return session.scalars(select(Job.id).where(*jobs.runnable())).all() == [claim.job_id]

    assert until(is_runnable, 5 * LEASE_S)


def test_a_fence_that_was_raised_is_noticed(workshop: Workshop) -> None:
    claim = take(workshop)
    with beating(workshop).hold(claim) as hold:
        with workshop.database.write() as session:
            session.execute(update(Job).values(fence=Job.fence + 1))
        assert hold.taken.wait(5)
        assert hold.is_lost


def test_a_lease_is_lost_in_time_and_the_next_one_held_though_the_database_freezes(
    postgres: PostgresServer, make_workshop: Callable[..., Workshop]
) -> None:
    workshop = make_workshop(database_url=postgres.new_database())
    heart = beating(workshop)
    with heart.hold(take(workshop)) as hold:
        assert not hold.is_lost
        with postgres.frozen():
            assert until(lambda: hold.is_lost, 3 * LEASE_S)
        assert not hold.taken.is_set()
    claim = take(workshop)
    with heart.hold(claim):
        first = workshop.job(claim.job_id).lease_until
        assert first is not None
        assert until(lambda: (workshop.job(claim.job_id).lease_until or first) > first)


def test_it_beats_on_after_a_database_that_took_no_writes(
    postgres: PostgresServer, make_workshop: Callable[..., Workshop]
) -> None:
    url = postgres.new_database()
    workshop = make_workshop(database_url=url)
    heart = beating(workshop)
    with heart.hold(take(workshop)) as hold, postgres.read_only(url):
        assert until(lambda: hold.is_lost, 5 * LEASE_S)
    assert until(lambda: _can_order(workshop))
    claim = take(workshop)
    with heart.hold(claim):
        first = workshop.job(claim.job_id).lease_until
        assert first is not None
        assert until(lambda: (workshop.job(claim.job_id).lease_until or first) > first)


def _can_order(workshop: Workshop) -> bool:
    """Tell whether the pool is rid of the connections that the server has ended."""
    try:
        workshop.order()
    except DatabaseUnavailable:
        return False
    return True


def test_the_worker_says_that_it_is_there(workshop: Workshop) -> None:
    beating(workshop)

    def present() -> bool:
        with workshop.database.read() as session:
            worker = session.get(WorkerPresence, "test")
            return worker is not None and (worker.queues, worker.slots) == (["audio"], 3)

    assert until(present)
