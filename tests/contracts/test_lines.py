"""An endpoint's line is in one pair of hands, its schedule is kept, and it is given up when it should be."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.db.engine import Database
from shared.db.models import Delivery, DeliveryAttempt, WebhookEndpoint
from shared.db.moment import db_now
from shared.errors import ClaimLost
from shared.keys import MAIN_ACCOUNT
from shared.states import DeliveryState, EndpointKind
from shared.vault import KEY_BYTES, Vault
from shared.webhooks import endpoints, keyring, lines
from shared.webhooks.endpoints import NewEndpoint
from shared.webhooks.lines import Line
from shared.webhooks.parcels import Heard, Parcel
from shared.webhooks.schedule import GIVEN_UP_AFTER_S, PAUSES_S, Patience

VAULT = Vault([b"k" * KEY_BYTES])
NewClones = Callable[..., tuple[str, str]]


@pytest.fixture
def endpoint_id(database: Database) -> str:
    with database.write() as session:
        return endpoints.create(session, VAULT, MAIN_ACCOUNT, NewEndpoint("https://hooks.example.com/in"))[0].id


def claim(database: Database, endpoint_id: str, lease_s: float = 30.0) -> Line | None:
    with database.write() as session:
        return lines.claim(session, endpoint_id, lease_s=lease_s)


def due(database: Database, line: Line, but: tuple[str, ...] = ()) -> tuple[Parcel, ...]:
    with database.read() as session:
        return lines.due(session, line, most=8, but=but)


def heard(parcel: Parcel, status: int | None = 500, retry_after_s: float | None = None) -> Heard:
    failure = None if status == 204 else "status"
    return Heard(parcel, datetime.now(UTC), status, 12, failure, "It said so.", "what it said", retry_after_s)


def settle(database: Database, line: Line, *what: Heard, scale: float = 1.0) -> Line:
    with database.write() as session:
        return lines.settle(session, line, what, Patience(scale), lease_s=30)


def release(database: Database, line: Line) -> bool:
    with database.write() as session:
        return lines.release(session, line)


def row(database: Database, endpoint_id: str) -> WebhookEndpoint:
    with database.read() as session:
        return session.get_one(WebhookEndpoint, endpoint_id)


def delivery(database: Database, delivery_id: str) -> Delivery:
    with database.read() as session:
        return session.get_one(Delivery, delivery_id)


def in_s(database: Database, moment: datetime) -> float:
    with database.read() as session:
        return (moment - session.execute(select(db_now())).scalar_one()).total_seconds()


def make_due(database: Database, **values: Any) -> None:
    with database.write() as session:
        session.execute(update(Delivery).values(due_at=db_now(), **values))
        session.execute(update(WebhookEndpoint).values(next_due_at=db_now()))


def test_one_of_many_gets_the_line(database: Database, endpoint_id: str, new_clone: NewClones) -> None:
    assert claim(database, endpoint_id) is None  # nothing is due
    new_clone()
    found: list[Line | None] = []
    threads = [threading.Thread(target=lambda: found.append(claim(database, endpoint_id))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([line for line in found if line is not None]) == 1


def test_who_was_too_slow_writes_nothing(database: Database, endpoint_id: str, new_clone: NewClones) -> None:
    new_clone()
    slow = claim(database, endpoint_id, lease_s=-1.0)
    assert slow is not None
    (parcel,) = due(database, slow)
    quick = claim(database, endpoint_id)
    assert quick is not None
    with pytest.raises(ClaimLost):
        settle(database, slow, heard(parcel, 204))
    with pytest.raises(ClaimLost):
        release(database, slow)
    assert delivery(database, parcel.id).state is DeliveryState.PENDING
    settle(database, quick, heard(parcel, 204))
    assert delivery(database, parcel.id).state is DeliveryState.DELIVERED


def test_what_is_in_hand_is_not_handed_out_again(database: Database, endpoint_id: str, new_clone: NewClones) -> None:
    for _ in range(3):
        new_clone()
    line = claim(database, endpoint_id)
    assert line is not None
    first, *others = due(database, line)
    assert len(others) == 2
    assert due(database, line, but=(first.id,)) == tuple(others)


def test_the_schedule_is_kept_to_its_end(database: Database, endpoint_id: str, new_clone: NewClones) -> None:
    new_clone()
    waits_s = []
    for number in range(1, len(PAUSES_S) + 1):
        make_due(database)
        line = claim(database, endpoint_id)
        assert line is not None
        (parcel,) = due(database, line)
        assert parcel.attempts == number - 1
        settle(database, line, heard(parcel))
        waits_s.append(in_s(database, delivery(database, parcel.id).due_at))
        release(database, line)
    for wait_s, pause_s in zip(waits_s, PAUSES_S[1:], strict=False):
        assert pause_s * 0.98 - 2 <= wait_s <= pause_s * 1.2
    given_up = delivery(database, parcel.id)
    assert (given_up.state, given_up.attempts) == (DeliveryState.FAILED, 10)
    with database.read() as session:
        attempts = session.scalars(select(DeliveryAttempt).order_by(DeliveryAttempt.number)).all()
    assert [one.number for one in attempts] == list(range(1, 11))
    assert {(one.status, one.failure, one.excerpt) for one in attempts} == {(500, "status", "what it said")}
    assert row(database, endpoint_id).is_active  # five days have not passed


def test_retry_after_is_obeyed_for_the_message_and_for_the_endpoint(
    database: Database, endpoint_id: str, new_clone: NewClones
) -> None:
    new_clone()
    line = claim(database, endpoint_id)
    assert line is not None
    (parcel,) = due(database, line)
    line = settle(database, line, heard(parcel, 503, 600.0))
    assert not line.is_called
    assert 590 < in_s(database, delivery(database, parcel.id).due_at) <= 601
    release(database, line)
    new_clone()
    assert claim(database, endpoint_id) is None  # it asked us to come later, with whatever
    with database.write() as session:
        session.execute(update(WebhookEndpoint).values(paused_until=db_now(-1)))
    assert claim(database, endpoint_id) is not None


def test_a_receiver_that_is_gone_is_called_no_more_and_others_are_told(
    database: Database, endpoint_id: str, new_clone: NewClones
) -> None:
    with database.write() as session:
        other = endpoints.create(session, VAULT, MAIN_ACCOUNT, NewEndpoint("https://other.example.com/"))[0].id
    new_clone()
    line = claim(database, endpoint_id)
    assert line is not None
    (parcel,) = due(database, line)
    line = settle(database, line, heard(parcel, 410))
    assert not line.is_called
    release(database, line)
    off = row(database, endpoint_id)
    assert (off.is_active, "410" in (off.disabled_reason or "")) == (False, True)
    with database.read() as session:
        told = session.scalars(select(Delivery).where(Delivery.endpoint_id == other)).all()
    assert sorted(one.type for one in told) == ["voice_clone.processing", "webhook_endpoint.disabled"]
    assert claim(database, endpoint_id) is None
    new_clone()
    with database.read() as session:
        kept = session.scalars(select(Delivery).where(Delivery.endpoint_id == endpoint_id)).all()
    assert [one.state for one in kept] == [DeliveryState.PENDING]  # for the day it is switched on again


def test_five_days_of_failure_disable_and_one_success_begins_them_anew(
    database: Database, endpoint_id: str, new_clone: NewClones
) -> None:
    new_clone()
    line = claim(database, endpoint_id)
    assert line is not None
    (parcel,) = due(database, line)
    line = settle(database, line, heard(parcel))
    assert line.is_failing
    line = settle(database, line, heard(parcel), heard(parcel, 204))
    assert not line.is_failing
    assert row(database, endpoint_id).failing_since is None
    line = settle(database, line, heard(parcel))
    with database.write() as session:
        session.execute(update(WebhookEndpoint).values(failing_since=db_now(-GIVEN_UP_AFTER_S - 1)))
    line = settle(database, line, heard(parcel))
    assert not line.is_called
    assert "5 days" in (row(database, endpoint_id).disabled_reason or "")


def test_what_is_written_while_a_line_is_let_go_is_not_missed(
    database: Database, endpoint_id: str, new_clone: NewClones
) -> None:
    """A writer and a worker that finds nothing more to do meet at the row; whoever is second sees the first."""
    new_clone()
    done = threading.Event()

    def write() -> None:
        for _ in range(20):
            new_clone()
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen: set[str] = set()
    while True:
        was_done = done.is_set()
        line = claim(database, endpoint_id)
        if line is None:
            if was_done:
                break
            continue
        parcels = due(database, line)
        seen |= {parcel.id for parcel in parcels}
        settle(database, line, *(heard(parcel, 204) for parcel in parcels))
        release(database, line)
    writer.join()
    assert len(seen) == 21
    assert row(database, endpoint_id).next_due_at is None


def test_a_due_line_is_announced_until_it_is_claimed(
    database: Database, endpoint_id: str, new_clone: NewClones
) -> None:
    with database.read() as session:
        assert not lines.any_due(session)
    new_clone()
    with database.write() as session:
        assert lines.any_due(session)
        assert lines.announce_due(session) == [endpoint_id]
        assert lines.announce_due(session) == []  # for a while
        lines.forget_announcements(session)
        assert lines.announce_due(session) == [endpoint_id]
    assert claim(database, endpoint_id) is not None
    with database.write() as session:
        assert not lines.any_due(session)


def test_a_callback_is_signed_with_the_accounts_secret_and_a_new_one_signs_beside_the_former(
    database: Database,
) -> None:
    with database.write() as session:
        callback = endpoints.callback(session, MAIN_ACCOUNT, "https://hooks.example.com/x")
        assert keyring.signing_keys(session, VAULT, callback) == ()
        keyring.ensure_default(session, VAULT, MAIN_ACCOUNT)
        keyring.ensure_default(session, VAULT, MAIN_ACCOUNT)
        (first,) = keyring.signing_keys(session, VAULT, callback)
        view, second = keyring.rotate(session, VAULT, MAIN_ACCOUNT, endpoints.DEFAULT)
        assert view.kind is EndpointKind.DEFAULT
        assert keyring.signing_keys(session, VAULT, callback) == (second, first)
        session.execute(update(WebhookEndpoint).values(former_until=db_now(-1)))
        assert keyring.signing_keys(session, VAULT, callback) == (second,)


def test_secrets_are_sealed_anew_under_the_first_key(database: Database, endpoint_id: str) -> None:
    new = Vault([b"n" * KEY_BYTES, b"k" * KEY_BYTES])
    with database.write() as session:
        before = keyring.signing_keys(session, VAULT, endpoint_id)
        keyring.rotate(session, VAULT, MAIN_ACCOUNT, endpoint_id)
        assert keyring.any_sealed_otherwise(session, new)
        assert keyring.reseal(session, new) == 1
        assert not keyring.any_sealed_otherwise(session, new)
        alone = Vault([b"n" * KEY_BYTES])
        assert keyring.signing_keys(session, alone, endpoint_id)[1:] == before
