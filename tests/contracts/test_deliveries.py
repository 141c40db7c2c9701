"""Messages are written with the change that they tell of, on both databases."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from shared import claims, clones, events, views
from shared.db.engine import Database
from shared.db.models import Clone, Delivery, WebhookEndpoint
from shared.documents import clone_document
from shared.errors import AudioTooShort, NotFound, NotReplayable, WebhookLimitExceeded
from shared.keys import MAIN_ACCOUNT
from shared.states import DeliveryState, EndpointKind, EventType
from shared.vault import KEY_BYTES, Vault
from shared.vendors import notice_of
from shared.webhooks import endpoints, journal
from shared.webhooks.endpoints import EndpointChange, NewEndpoint
from shared.webhooks.messages import MOST_BYTES
from tests.conftest import an_order

URL = "https://hooks.example.com/in"
VAULT = Vault([b"k" * KEY_BYTES])


def subscribe(database: Database, *types: str, url: str = URL) -> str:
    with database.write() as session:
        view, _ = endpoints.create(session, VAULT, MAIN_ACCOUNT, NewEndpoint(url, types or None))
    return view.id


def told(database: Database, endpoint_id: str | None = None) -> list[Delivery]:
    rows = select(Delivery).order_by(Delivery.clone_id, Delivery.seq)
    if endpoint_id is not None:
        rows = rows.where(Delivery.endpoint_id == endpoint_id)
    with database.read() as session:
        return list(session.scalars(rows))


def bodies(database: Database, endpoint_id: str | None = None) -> list[dict[str, Any]]:
    return [json.loads(row.body or "{}") for row in told(database, endpoint_id)]


def test_a_message_is_the_clone_as_a_poll_shows_it_after_the_commit(
    database: Database, new_clone: Callable[..., tuple[str, str]]
) -> None:
    endpoint_id = subscribe(database)
    clone_id, job_id = new_clone()
    with database.write() as session:
        claim = claims.take(session, job_id, owner="w", lease_s=30)
        assert claim is not None
        claims.finish(session, claim, vendor_voice_id="v1")
        # As a stage does: what it saves comes after the line is written, and is shown all the same.
        session.execute(update(Clone).where(Clone.id == clone_id).values(notes=["kept at the vendor"]))
    with database.read() as session:
        view = views.get(session, MAIN_ACCOUNT, clone_id)
    polled = json.loads(json.dumps(clone_document(view, notice_of(view.vendor))))
    first, last = bodies(database, endpoint_id)
    assert [first["type"], last["type"]] == ["voice_clone.processing", "voice_clone.ready"]
    assert last["data"] == polled
    assert (last["data"]["notes"], last["data"]["seq"]) == (["kept at the vendor"], 2)
    assert set(last) == {"type", "timestamp", "data"}


def test_what_is_rolled_back_is_told_to_nobody(database: Database) -> None:
    subscribe(database)

    def create_and_stumble() -> None:
        with database.write() as session:
            clones.create(session, an_order(), max_clones=0, training_typical_s=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        create_and_stumble()
    assert told(database) == []


def test_who_chose_types_is_told_of_those_alone(database: Database, new_clone: Callable[..., tuple[str, str]]) -> None:
    failures, everything = subscribe(database, "voice_clone.failed"), subscribe(database)
    _, job_id = new_clone()
    with database.write() as session:
        claim = claims.take(session, job_id, owner="w", lease_s=30)
        assert claim is not None
        claims.fail(session, claim, AudioTooShort())
    assert [body["type"] for body in bodies(database, failures)] == ["voice_clone.failed"]
    assert bodies(database, failures)[0]["data"]["errorCode"] == "AUDIO_TOO_SHORT"
    assert len(told(database, everything)) == 2


def test_a_callback_url_is_told_of_its_clone_alone_and_kept_once(database: Database) -> None:
    with database.write() as session:
        for name in ("Anna", "Bert"):
            clones.create(session, replace(an_order(name=name), callback_url=URL), max_clones=0, training_typical_s=1)
        clones.create(session, an_order(), max_clones=0, training_typical_s=1)
    assert len(told(database)) == 2
    with database.read() as session:
        assert [row.kind for row in session.scalars(select(WebhookEndpoint))] == [EndpointKind.CALLBACK]
        assert endpoints.page(session, MAIN_ACCOUNT) == ()


def test_two_that_need_the_same_callback_at_once_make_one(database: Database) -> None:
    barrier = threading.Barrier(4)

    def create() -> None:
        barrier.wait()
        with database.write() as session:
            clones.create(session, replace(an_order(), callback_url=URL), max_clones=0, training_typical_s=1)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told(database)) == 4
    assert len({row.endpoint_id for row in told(database)}) == 1


def test_a_new_clone_has_a_callback_called_again_that_was_given_up(database: Database) -> None:
    def create() -> None:
        with database.write() as session:
            clones.create(session, replace(an_order(), callback_url=URL), max_clones=0, training_typical_s=1)

    create()
    with database.write() as session:
        session.execute(update(WebhookEndpoint).values(is_active=False, disabled_reason="410"))
    create()
    with database.read() as session:
        row = session.scalars(select(WebhookEndpoint)).one()
        assert (row.is_active, row.disabled_reason) == (True, None)


def test_an_erasure_tells_that_it_is_done_and_takes_back_what_was_written_of_the_person(
    database: Database, new_clone: Callable[..., tuple[str, str]]
) -> None:
    endpoint_id = subscribe(database)
    clone_id, job_id = new_clone()
    with database.write() as session:
        events.append(
            session, clone_id=clone_id, account_id=MAIN_ACCOUNT, job_id=job_id, kind=EventType.ERASED, data={}
        )
    before, last = told(database, endpoint_id)
    assert (before.body, before.state) == (None, DeliveryState.FAILED)
    assert json.loads(last.body or "")["data"] == {"voiceId": clone_id, "seq": 2}
    with database.write() as session, pytest.raises(NotReplayable, match="erased"):
        journal.replay(session, MAIN_ACCOUNT, endpoint_id, before.id)


def test_a_clone_that_is_deleted_has_no_news_but_that_it_is_erased(
    database: Database, new_clone: Callable[..., tuple[str, str]]
) -> None:
    subscribe(database)
    clone_id, job_id = new_clone()
    with database.write() as session:
        session.execute(update(Clone).values(deleted_at=Clone.created_at))
        events.append(
            session, clone_id=clone_id, account_id=MAIN_ACCOUNT, job_id=job_id, kind=EventType.PROGRESS, data={}
        )
    assert [row.type for row in told(database)] == ["voice_clone.processing"]


def test_no_message_is_too_long_and_what_it_left_out_is_named(database: Database) -> None:
    subscribe(database)
    order = replace(an_order(), labels={"k": "é" * 15_000}, description="d" * 5_000)
    with database.write() as session:
        clones.create(session, order, max_clones=0, training_typical_s=1)
    (row,) = told(database)
    assert len((row.body or "").encode()) < MOST_BYTES
    data = json.loads(row.body or "")["data"]
    assert data["omitted"] == ["labels"]
    assert "labels" not in data


def test_an_endpoint_that_is_deleted_while_it_is_told_fails_nobody(
    database: Database, new_clone: Callable[..., tuple[str, str]]
) -> None:
    ids = [subscribe(database) for _ in range(8)]
    errors: list[BaseException] = []

    def delete() -> None:
        for endpoint_id in ids:
            with database.write() as session:
                endpoints.delete(session, MAIN_ACCOUNT, endpoint_id)

    def create() -> None:
        try:
            for _ in range(8):
                new_clone()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=delete), threading.Thread(target=create)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (errors, told(database)) == ([], [])


def test_an_account_has_no_more_endpoints_than_it_may(database: Database) -> None:
    for _ in range(endpoints.MOST_ENDPOINTS):
        subscribe(database)
    with pytest.raises(WebhookLimitExceeded) as refused:
        subscribe(database)
    assert refused.value.details == {"current_count": 50, "max_allowed": 50}


def test_an_endpoint_is_its_accounts_alone(database: Database) -> None:
    endpoint_id = subscribe(database)
    with database.write() as session:
        with pytest.raises(NotFound):
            endpoints.get(session, "acc_other", endpoint_id)
        with pytest.raises(NotFound):
            endpoints.delete(session, "acc_other", endpoint_id)
        changed = endpoints.change(
            session, MAIN_ACCOUNT, endpoint_id, EndpointChange(event_types=("voice_clone.ready",), is_active=False)
        )
    assert (changed.event_types, changed.is_active) == (("voice_clone.ready",), False)
    assert changed.disabled_reason is None


def test_a_message_is_sent_again_under_its_id(database: Database, new_clone: Callable[..., tuple[str, str]]) -> None:
    endpoint_id = subscribe(database)
    new_clone()
    (row,) = told(database)
    with database.write() as session:
        session.execute(update(Delivery).values(state=DeliveryState.FAILED, attempts=10))
        again = journal.replay(session, MAIN_ACCOUNT, endpoint_id, row.id)
    assert (again.id, again.state, again.body) == (row.id, DeliveryState.PENDING, row.body)
    with database.write() as session:
        endpoints.change(session, MAIN_ACCOUNT, endpoint_id, EndpointChange(is_active=False))
        with pytest.raises(NotReplayable, match="switched off"):
            journal.replay(session, MAIN_ACCOUNT, endpoint_id, row.id)
        with pytest.raises(NotReplayable, match="switched off"):
            journal.test(session, MAIN_ACCOUNT, endpoint_id)
