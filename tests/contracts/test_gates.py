"""Whether a vendor may be called now, on each database: pauses, the breaker, slowness, turns, and opening by hand."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from shared import gates
from shared.db.engine import Database
from shared.db.models import Job
from shared.db.moment import db_now
from shared.errors import (
    ServiceError,
    UnknownOutcome,
    VendorAuth,
    VendorError,
    VendorPaused,
    VendorRateLimited,
    VendorRejected,
    VendorUnavailable,
)
from tests.contracts.gate_calls import SPACING_S, VENDOR, Caller, call, fails, is_open, let_pass, shut


def test_a_vendor_that_nobody_called_is_open(database: Database) -> None:
    assert is_open(database, creates=True)
    assert shut(database) == []


def test_a_refused_key_closes_the_gate_for_every_call(database: Database) -> None:
    fails(database, VendorAuth("The key is wrong."))
    assert not is_open(database)
    assert not is_open(database, creates=True)
    assert shut(database) == [(VENDOR, "VENDOR_AUTH")]
    with database.read() as session, pytest.raises(VendorPaused, match="The key is wrong") as told:
        gates.check(session, VENDOR)
    assert gates.PAUSE_S - 60 < told.value.retry_after_s <= gates.PAUSE_S
    let_pass(database, gates.PAUSE_S)
    call(database)
    assert is_open(database, creates=True)


def test_a_deleted_voice_does_not_mend_a_key(database: Database) -> None:
    fails(database, VendorAuth("The key is wrong."))
    with database.write() as session:
        gates.has_room(session, VENDOR)
    assert not is_open(database)


@pytest.mark.parametrize("failure", [VendorUnavailable("away"), UnknownOutcome("lost")], ids=lambda found: found.code)
def test_failures_in_a_row_close_the_gate_for_twice_as_long_each_time(database: Database, failure: VendorError) -> None:
    fails(database, failure, gates.FAILURES - 1)
    assert is_open(database)
    fails(database, failure)
    assert not is_open(database)
    assert shut(database) == [(VENDOR, "VENDOR_UNAVAILABLE")]
    let_pass(database, gates.CLOSED_S)
    fails(database, failure)
    let_pass(database, gates.CLOSED_S)
    assert not is_open(database)
    let_pass(database, gates.CLOSED_S)
    assert is_open(database)


def test_the_gate_is_never_closed_for_longer_than_it_says(database: Database) -> None:
    with database.write() as session:
        for _ in range(60):
            gates.note_failure(session, VENDOR)
    let_pass(database, gates.CLOSED_MOST_S)
    assert is_open(database)


def test_an_answer_between_two_failures_begins_the_count_anew(database: Database) -> None:
    fails(database, VendorUnavailable("away"), gates.FAILURES - 1)
    call(database)
    fails(database, VendorUnavailable("away"), gates.FAILURES - 1)
    assert is_open(database)


def test_a_refusal_is_an_answer(database: Database) -> None:
    fails(database, VendorUnavailable("away"), gates.FAILURES - 1)
    fails(database, VendorRejected("no"), gates.FAILURES)
    assert is_open(database)


def test_of_eight_workers_at_once_one_goes_first(database: Database) -> None:
    fails(database, VendorUnavailable("away"), gates.FAILURES)
    let_pass(database, gates.CLOSED_S)
    start = threading.Barrier(8)
    won: list[str] = []

    def probe() -> None:
        # Asked as a worker asks; but its call is not answered yet, which would open the gate for the others.
        start.wait()
        try:
            with database.read() as session:
                goes_first = gates.check(session, VENDOR)
            if goes_first:
                with database.write() as session:
                    gates.take_probe(session, VENDOR)
            won.append("through")
        except ServiceError as error:
            won.append(error.code)

    workers = [threading.Thread(target=probe) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(won) == ["VENDOR_PAUSED"] * 7 + ["through"]


def test_who_went_first_and_was_answered_opens_the_gate(database: Database) -> None:
    fails(database, VendorUnavailable("away"), gates.FAILURES)
    let_pass(database, gates.CLOSED_S)
    call(database)
    assert is_open(database)
    assert shut(database) == []


def test_a_vendor_that_asks_for_time_gets_it_from_everybody(database: Database) -> None:
    fails(database, VendorRateLimited(retry_after_s=120.0))
    assert not is_open(database)
    assert shut(database) == [(VENDOR, "VENDOR_RATE_LIMITED")]
    with database.read() as session, pytest.raises(VendorRateLimited) as told:
        gates.check(session, VENDOR)
    assert 60 < told.value.retry_after_s <= 120
    let_pass(database, 120)
    assert is_open(database)


def test_a_shorter_wish_does_not_shorten_a_longer_one(database: Database) -> None:
    with database.write() as session:
        gates.slow_down(session, VENDOR, 120.0)
        gates.slow_down(session, VENDOR, 1.0)
    let_pass(database, 60)
    assert not is_open(database)


def turns(database: Database, most: int = 100) -> int:
    """Take turns until none is free; return how many there were."""
    with database.write() as session:
        for taken in range(most):
            try:
                gates.take_turn(session, VENDOR, SPACING_S)
            except VendorRateLimited:
                return taken
    return most


def test_turns_allow_a_burst_and_then_the_stated_rate(database: Database) -> None:
    burst = turns(database)
    assert 1 < burst <= 10
    let_pass(database, 3 * SPACING_S)
    assert turns(database) == 3
    let_pass(database, 1000 * SPACING_S)
    assert turns(database) == burst, "what was not used in the last hour is not saved up"


def test_a_stated_rate_holds_for_calls(database: Database) -> None:
    made, caller = 0, Caller(calls_per_minute=60.0 / SPACING_S)
    while made < 20:
        try:
            call(database, caller=caller)
        except VendorRateLimited:
            break
        made += 1
    assert 1 < made < 20
    assert is_open(database), "to wait for a turn is not to be asked to slow down"


def test_opening_by_hand_opens_all_and_says_whether_it_was_shut(database: Database) -> None:
    fails(database, VendorAuth("The key is wrong."))
    with database.write() as session:
        for _ in range(gates.FAILURES):
            gates.note_failure(session, VENDOR)
        gates.slow_down(session, VENDOR, 60.0)
    with database.write() as session:
        assert gates.resume(session, VENDOR)
    assert is_open(database, creates=True)
    with database.write() as session:
        assert not gates.resume(session, VENDOR)
        assert not gates.resume(session, "nobody")


def test_opening_by_hand_hastens_the_jobs_that_wait_at_this_gate(
    database: Database, new_clone: Callable[..., tuple[str, str]]
) -> None:
    job_ids = [new_clone()[1] for _ in range(3)]
    waits_here, waits_elsewhere, waits_for_training = job_ids
    fails(database, VendorAuth("The key is wrong."))
    with database.write() as session:
        for job_id, vendor, code in (
            (waits_here, VENDOR, "VENDOR_PAUSED"),
            (waits_elsewhere, "buena", "VENDOR_PAUSED"),
            (waits_for_training, VENDOR, None),
        ):
            later = {"due_at": db_now(600), "announce_at": db_now(600)}
            session.execute(update(Job).where(Job.id == job_id).values(vendor=vendor, error_code=code, **later))
    with database.write() as session:
        gates.resume(session, VENDOR)
    with database.read() as session:
        due = set(session.scalars(select(Job.id).where(Job.due_at <= db_now(), Job.announce_at <= db_now())))
    assert due == {waits_here}
