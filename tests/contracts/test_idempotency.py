"""Idempotency keys on every database: one holder at a time, fenced when it lapses, one answer for a day."""

import threading

import pytest
from sqlalchemy import func, select, update

from shared import clones, idempotency, keys
from shared.db.engine import Database
from shared.db.models import Account, Clone, IdempotencyKey
from shared.db.moment import db_now
from shared.errors import IdempotencyInFlight
from shared.idempotency import KEEP_S, LEASE_S, KeptAnswer, Reservation
from shared.keys import MAIN_ACCOUNT
from tests.conftest import an_order

ANSWER = KeptAnswer("f" * 64, 201, '{"name":"Jürgen"}')


def reserve(database: Database, key: str = "k", account_id: str = MAIN_ACCOUNT) -> Reservation:
    with database.write() as session:
        held = idempotency.reserve(session, account_id, key)
    assert isinstance(held, Reservation)
    return held


def complete(database: Database, held: Reservation, clone_id: str | None = None) -> None:
    with database.write() as session:
        idempotency.complete(session, held, ANSWER, clone_id=clone_id)


def age(database: Database, **moments: float) -> None:
    """Move a row's times: name=seconds from now."""
    with database.write() as session:
        values = {name: db_now(plus_s=plus_s) for name, plus_s in moments.items()}
        session.execute(update(IdempotencyKey).values(**values))


def row(database: Database) -> IdempotencyKey | None:
    with database.read() as session:
        return session.scalars(select(IdempotencyKey)).one_or_none()


def test_a_key_in_flight_is_refused_with_a_time_to_wait(database: Database) -> None:
    reserve(database)
    with pytest.raises(IdempotencyInFlight) as refused:
        reserve(database)
    assert refused.value.details["retry_after_s"] >= 1


@pytest.mark.parametrize(("left_s", "expected"), [(60, 2), (50, 2), (46, 2), (40, 40), (7.5, 8), (0.9, 1)])
def test_who_waits_for_a_dead_holder_is_told_when_its_lease_is_over_and_for_a_live_one_to_ask_soon(
    database: Database, left_s: float, expected: int
) -> None:
    reserve(database)
    age(database, lease_until=left_s)
    with pytest.raises(IdempotencyInFlight) as refused:
        reserve(database)
    assert expected - 1 <= refused.value.details["retry_after_s"] <= expected
    assert refused.value.details["retry_after_s"] >= 1


def test_an_answer_that_is_forgotten_leaves_its_key_used(database: Database) -> None:
    complete(database, reserve(database), "vc_told")
    with database.write() as session:
        stranger = keys.create_account(session)
        idempotency.forget_answers(session, stranger, "vc_told")
        idempotency.forget_answers(session, MAIN_ACCOUNT, "vc_tol")
        idempotency.forget_answers(session, MAIN_ACCOUNT, "vc_other")
        assert idempotency.reserve(session, MAIN_ACCOUNT, "k") == ANSWER
        idempotency.forget_answers(session, MAIN_ACCOUNT, "vc_told")
        assert idempotency.reserve(session, MAIN_ACCOUNT, "k") == KeptAnswer(ANSWER.fingerprint, 201, None)


def test_a_key_that_is_used_again_after_its_day_tells_of_no_clone(database: Database) -> None:
    complete(database, reserve(database), "vc_old")
    age(database, expires_at=-1)
    complete(database, reserve(database))
    with database.write() as session:
        idempotency.forget_answers(session, MAIN_ACCOUNT, "vc_old")
        assert idempotency.reserve(session, MAIN_ACCOUNT, "k") == ANSWER


def test_the_lease_and_the_day_are_on_the_databases_clock(database: Database) -> None:
    reserve(database)
    kept = row(database)
    assert kept is not None
    assert (kept.lease_until - kept.created_at).total_seconds() == pytest.approx(LEASE_S, abs=5)
    assert (kept.expires_at - kept.created_at).total_seconds() == pytest.approx(KEEP_S, abs=5)


def test_keys_of_other_accounts_and_other_keys_do_not_meet(database: Database) -> None:
    with database.write() as session:
        stranger = keys.create_account(session)
    reserve(database)
    reserve(database, "K")
    reserve(database, account_id=stranger)


def test_a_completed_key_returns_its_answer_as_it_was(database: Database) -> None:
    complete(database, reserve(database))
    with database.write() as session:
        assert idempotency.reserve(session, MAIN_ACCOUNT, "k") == ANSWER


def test_a_released_key_is_free_again(database: Database) -> None:
    held = reserve(database)
    with database.write() as session:
        idempotency.release(session, held)
    assert row(database) is None
    reserve(database)


def test_releasing_a_completed_key_leaves_its_answer(database: Database) -> None:
    held = reserve(database)
    complete(database, held)
    with database.write() as session:
        idempotency.release(session, held)
        assert idempotency.reserve(session, MAIN_ACCOUNT, "k") == ANSWER


def test_a_renewed_lease_does_not_lapse(database: Database) -> None:
    held = reserve(database)
    age(database, lease_until=-1)
    with database.write() as session:
        assert idempotency.renew(session, held)
    with pytest.raises(IdempotencyInFlight):
        reserve(database)


def test_a_lapsed_key_is_taken_over_and_its_old_holder_can_do_nothing(database: Database) -> None:
    old = reserve(database)
    age(database, lease_until=-1)
    new = reserve(database)
    with database.write() as session:
        assert not idempotency.renew(session, old)
        idempotency.release(session, old)
    with pytest.raises(IdempotencyInFlight):
        complete(database, old)
    complete(database, new)


def test_what_an_old_holder_creates_is_rolled_back_with_its_answer(database: Database) -> None:
    old = reserve(database)
    age(database, lease_until=-1)
    reserve(database)

    def create() -> None:
        with database.write() as session:
            clones.create(session, an_order(), max_clones=0, training_typical_s=1.0)
            idempotency.complete(session, old, ANSWER)

    with pytest.raises(IdempotencyInFlight):
        create()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Clone)) == 0
        assert session.get_one(Account, MAIN_ACCOUNT).clones_held == 0


def test_a_holder_whose_lease_lapsed_but_was_not_taken_over_may_complete(database: Database) -> None:
    held = reserve(database)
    age(database, lease_until=-1)
    complete(database, held)
    with database.write() as session:
        assert idempotency.reserve(session, MAIN_ACCOUNT, "k") == ANSWER


def test_of_twenty_that_reserve_at_once_one_holds_the_key(database: Database) -> None:
    assert race(database) == 1


def test_of_twenty_that_take_over_at_once_one_holds_the_key(database: Database) -> None:
    reserve(database)
    age(database, lease_until=-1)
    assert race(database) == 1


def race(database: Database) -> int:
    """Reserve twenty times at once; return how often it succeeded."""
    held: list[Reservation] = []
    unforeseen: list[BaseException] = []
    start = threading.Barrier(20)

    def one() -> None:
        start.wait()
        try:
            held.append(reserve(database))
        except IdempotencyInFlight:
            pass
        except BaseException as error:
            unforeseen.append(error)

    racers = [threading.Thread(target=one) for _ in range(20)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert unforeseen == []
    return len(held)


def test_a_takeover_that_waits_for_the_completing_transaction_finds_the_answer(database: Database) -> None:
    held = reserve(database)
    age(database, lease_until=-1)
    found: list[object] = []

    def late() -> None:
        with database.write() as session:
            found.append(idempotency.reserve(session, MAIN_ACCOUNT, "k"))

    waiting = threading.Thread(target=late)
    with database.write() as session:
        idempotency.complete(session, held, ANSWER)
        waiting.start()
        waiting.join(0.3)
        assert found == []
    waiting.join()
    assert found == [ANSWER]


def test_keys_are_forgotten_after_their_day_and_not_before(database: Database) -> None:
    complete(database, reserve(database))
    with database.write() as session:
        assert idempotency.forget_expired(session) == 0
    age(database, expires_at=-1)
    with database.write() as session:
        assert idempotency.forget_expired(session) == 1
    assert row(database) is None


def test_a_key_whose_day_is_over_is_new_before_it_is_swept(database: Database) -> None:
    complete(database, reserve(database))
    age(database, expires_at=-1)
    reserve(database)
    kept = row(database)
    assert kept is not None
    assert (kept.status, kept.body, kept.fingerprint) == (None, None, None)
