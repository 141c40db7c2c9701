"""Whether a vendor may be called now, on each database: pauses, the breaker, slowness, turns, and opening by hand."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shared import gates
from shared.asking import Subject, ask
from shared.db.engine import Database
from shared.db.models import EnginePause, Job, VendorGate
from shared.db.moment import db_now
from shared.errors import (
    ServiceError,
    UnknownOutcome,
    VendorAuth,
    VendorError,
    VendorPaused,
    VendorQuota,
    VendorRateLimited,
    VendorRejected,
    VendorUnavailable,
)
from shared.vendors import journal
from shared.vendors.journal import Exchange
from shared.vendors.protocol import Vendor

VENDOR, ENGINE = "bland", "btts_v3"
SPACING_S = 60.0  # so long that a slow machine changes no count


class Caller:
    """A vendor's place in `ask`: what is called is given with each call."""

    name = VENDOR

    def __init__(self, calls_per_minute: float | None = None) -> None:
        self.calls_per_minute = calls_per_minute


def call(
    database: Database,
    failure: VendorError | None = None,
    *,
    creates: bool = False,
    caller: Caller | None = None,
    engine: str = ENGINE,
) -> None:
    """Make a call through the gate that is answered, or fails."""

    def answered(_: Vendor) -> None:
        kind = None if failure is None else failure.code
        journal.note(Exchange(VENDOR, "POST", "/v1", 200, 1, None, "", kind))
        if failure is not None:
            raise failure

    ask(database, caller or Caller(), Subject("vc_1", engine=engine), answered, creates=creates)  # type: ignore[arg-type]


def fails(database: Database, failure: VendorError, times: int = 1, *, creates: bool = True) -> None:
    for _ in range(times):
        with pytest.raises(type(failure)):
            call(database, failure, creates=creates)


def is_open(database: Database, *, creates: bool = False, engine: str = ENGINE) -> bool:
    try:
        with database.read() as session:
            gates.check(session, VENDOR, creates=engine if creates else None)
    except (VendorPaused, VendorRateLimited):
        return False
    return True


def let_pass(database: Database, seconds: float) -> None:
    """Let time go by at the gate."""
    with database.write() as session:
        for pause in session.scalars(select(EnginePause)):
            pause.paused_until -= timedelta(seconds=seconds)
        gate = session.get(VendorGate, VENDOR)
        if gate is None:
            return
        for column in ("paused_until", "closed_until", "slow_until", "next_call_at"):
            moment = getattr(gate, column)
            if moment is not None:
                setattr(gate, column, moment - timedelta(seconds=seconds))


def shut(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(gate.name, gate.code) for gate in gates.shut(session)]


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


def test_a_full_plan_closes_the_gate_only_for_calls_that_create(database: Database) -> None:
    fails(database, VendorQuota("The plan is full."))
    assert is_open(database)
    assert not is_open(database, creates=True)
    call(database)
    assert not is_open(database, creates=True), "that a voice can be read does not say that there is room for another"
    let_pass(database, gates.PAUSE_S)
    call(database, creates=True)
    assert shut(database) == []


def test_a_full_plan_of_one_engine_is_none_of_anothers(database: Database) -> None:
    fails(database, VendorQuota("The plan is full."))
    assert is_open(database, creates=True, engine="btts_v2")
    assert shut(database) == [(f"{VENDOR}/{ENGINE}", "VENDOR_QUOTA")]
    call(database, creates=True, engine="btts_v2")
    assert not is_open(database, creates=True), "a voice of another engine does not say that there is room for this"
    with database.read() as session, pytest.raises(VendorPaused, match="The plan is full") as told:
        gates.check(session, VENDOR, creates=ENGINE)
    assert told.value.because == "VENDOR_QUOTA"
    assert gates.PAUSE_S - 60 < told.value.retry_after_s <= gates.PAUSE_S


def test_one_engine_is_opened_by_hand_and_the_other_stays_shut(database: Database) -> None:
    for engine in (ENGINE, "btts_v2"):
        with pytest.raises(VendorQuota):
            call(database, VendorQuota("The plan is full."), creates=True, engine=engine)
    with database.write() as session:
        assert gates.resume(session, VENDOR, ENGINE)
        assert not gates.resume(session, VENDOR, ENGINE)
    assert is_open(database, creates=True)
    assert not is_open(database, creates=True, engine="btts_v2")


def test_a_deleted_voice_makes_room(database: Database) -> None:
    fails(database, VendorQuota("The plan is full."))
    with database.write() as session:
        gates.has_room(session, VENDOR)
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
