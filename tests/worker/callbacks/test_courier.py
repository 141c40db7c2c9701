"""Deliveries on the wire: the courier over a real database, to a receiver's process that fails, hangs and accepts."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select, update
from standardwebhooks.webhooks import Webhook

from shared import clones
from shared.db.models import Delivery, DeliveryAttempt, WebhookEndpoint
from shared.db.moment import db_now
from shared.keys import MAIN_ACCOUNT
from shared.services import Services
from shared.states import DeliveryState
from shared.webhooks import endpoints, keyring, lines
from shared.webhooks.endpoints import NewEndpoint
from tests import hooks
from tests.conftest import an_order
from tests.hooks import Receiver
from tests.processes import until
from tests.worker.conftest import Workshop
from worker.callbacks.courier import Courier

DELIVERED = DeliveryState.DELIVERED
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with hooks.receiver() as found:
        yield found


@pytest.fixture
def services(make_workshop: Callable[..., Workshop]) -> Services:
    return make_workshop(allow_private_webhooks=True, webhook_time_scale=0.001).bench.services


@pytest.fixture
def courier(services: Services) -> Iterator[Courier]:
    with running(services) as found:
        yield found


class running:
    """A courier, and a relay that rings for what is due."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.courier = Courier(services)
        self._ended = threading.Event()
        self._relay = threading.Thread(target=self._ring)

    def __enter__(self) -> Courier:
        self.courier.start()
        self._relay.start()
        return self.courier

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._relay.join()
        self.courier.close()

    def _ring(self) -> None:
        while not self._ended.wait(0.02):
            with self._services.database.write() as session:
                for endpoint_id in lines.announce_due(session):
                    self.courier.take(endpoint_id)


def subscribe(services: Services, url: str) -> tuple[str, str]:
    with services.database.write() as session:
        view, secret = endpoints.create(session, services.vault, MAIN_ACCOUNT, NewEndpoint(url))
    return view.id, secret


def create(services: Services, many: int = 1) -> None:
    for _ in range(many):
        with services.database.write() as session:
            clones.create(session, an_order(), max_clones=0, training_typical_s=1)


def states(services: Services, endpoint_id: str) -> list[DeliveryState]:
    with services.database.read() as session:
        return list(session.scalars(select(Delivery.state).where(Delivery.endpoint_id == endpoint_id)))


def attempts(services: Services) -> list[DeliveryAttempt]:
    with services.database.read() as session:
        return list(session.scalars(select(DeliveryAttempt).order_by(DeliveryAttempt.number)))


def row(services: Services, endpoint_id: str) -> WebhookEndpoint:
    with services.database.read() as session:
        return session.get_one(WebhookEndpoint, endpoint_id)


def arrived(services: Services, endpoint_id: str, many: int = 1) -> bool:
    return until(lambda: states(services, endpoint_id) == [DELIVERED] * many, WITHIN_S)


def verified(secret: str, entry: dict[str, Any]) -> Any:
    return Webhook(secret).verify(entry["body"], entry["headers"])


def test_who_fails_twice_and_then_accepts_sees_one_id_three_times_rightly_signed(
    services: Services, courier: Courier, receiver: Receiver
) -> None:
    endpoint_id, secret = subscribe(services, receiver.url("500,503,204", "thrice"))
    create(services)
    assert arrived(services, endpoint_id)
    seen = receiver.ledger("thrice")
    assert len(seen) == 3
    assert len({entry["headers"]["webhook-id"] for entry in seen}) == 1
    for entry in seen:
        assert verified(secret, entry) == json.loads(entry["body"])
        assert entry["headers"]["content-type"] == "application/json"
    assert [(one.status, one.failure, one.excerpt) for one in attempts(services)] == [
        (500, "status", "as told"), (503, "status", "as told"), (204, None, ""),
    ]  # fmt: skip


def test_a_receiver_that_is_down_is_told_when_it_is_back(services: Services, courier: Courier) -> None:
    with hooks.receiver() as own:
        own.stop()
        endpoint_id, secret = subscribe(services, own.url("204", "down"))
        create(services)
        assert until(lambda: attempts(services), WITHIN_S)
        assert {one.failure for one in attempts(services)} == {"connect"}
        own.start()
        assert arrived(services, endpoint_id)
        (entry,) = own.ledger()
        verified(secret, entry)


def test_no_redirect_is_followed(services: Services, courier: Courier, receiver: Receiver) -> None:
    endpoint_id, _ = subscribe(services, receiver.url("redirect:204,204", "redirected"))
    create(services)
    assert arrived(services, endpoint_id)
    first = attempts(services)[0]
    assert (first.status, first.failure) == (302, "redirect")
    assert {entry["path"] for entry in receiver.ledger("redirected")} == {"/redirect:204,204/redirected"}


def test_a_receiver_that_is_gone_is_called_once_and_never_again(
    services: Services, courier: Courier, receiver: Receiver
) -> None:
    endpoint_id, _ = subscribe(services, receiver.url("410", "gone"))
    other_id, _ = subscribe(services, receiver.url("204", "witness"))
    create(services)
    assert until(lambda: not row(services, endpoint_id).is_active, WITHIN_S)
    assert arrived(services, other_id, 2)
    create(services)
    assert arrived(services, other_id, 3)
    assert len(receiver.ledger("gone")) == 1
    told = [json.loads(entry["body"]) for entry in receiver.ledger("witness")]
    (disabled,) = [body["data"] for body in told if body["type"] == "webhook_endpoint.disabled"]
    assert (disabled["endpointId"], "410" in disabled["reason"]) == (endpoint_id, True)


def test_who_asks_for_time_is_given_it(services: Services, courier: Courier, receiver: Receiver) -> None:
    endpoint_id, _ = subscribe(services, receiver.url("429:2,204", "throttled"))
    create(services)
    assert arrived(services, endpoint_id)
    first, second = receiver.ledger("throttled")
    assert second["at"] - first["at"] >= 2.0


def test_one_that_hangs_delays_no_other(services: Services, courier: Courier, receiver: Receiver) -> None:
    hanging, _ = subscribe(services, receiver.url("hang", "hanging"))
    quick, _ = subscribe(services, receiver.url("204", "quick"))
    create(services, 40)
    assert arrived(services, quick, 40)
    assert DELIVERED not in states(services, hanging)
    assert len(receiver.ledger("hanging")) <= 2  # and it holds no more of our connections than that


def test_a_name_that_leads_to_our_own_network_is_not_dialled(make_workshop: Callable[..., Workshop]) -> None:
    services = make_workshop(webhook_time_scale=0.001).bench.services
    with running(services):
        subscribe(services, "https://localhost/in")  # as a name that was public when it was registered, and now is not
        create(services)
        assert until(lambda: attempts(services), WITHIN_S)
        assert {one.failure for one in attempts(services)} == {"refused_address"}


def test_a_rotated_secret_signs_beside_its_former(services: Services, courier: Courier, receiver: Receiver) -> None:
    endpoint_id, former = subscribe(services, receiver.url("204", "rotated"))
    with services.database.write() as session:
        _, new = keyring.rotate(session, services.vault, MAIN_ACCOUNT, endpoint_id)
    create(services)
    assert arrived(services, endpoint_id)
    (entry,) = receiver.ledger("rotated")
    assert len(entry["headers"]["webhook-signature"].split(" ")) == 2
    for secret in (former, new):
        verified(secret, entry)


def test_a_line_whose_worker_died_is_taken_over_with_the_same_ids(services: Services, receiver: Receiver) -> None:
    endpoint_id, _ = subscribe(services, receiver.url("204", "taken-over"))
    create(services, 3)
    with services.database.write() as session:
        dead = lines.claim(session, endpoint_id, lease_s=1.0)
        assert dead is not None
        known = {parcel.id for parcel in lines.due(session, dead, most=8, but=())}
    with running(services):
        assert arrived(services, endpoint_id, 3)
    assert {entry["headers"]["webhook-id"] for entry in receiver.ledger("taken-over")} == known


def test_a_worker_that_stops_lets_go_of_its_lines(services: Services, receiver: Receiver) -> None:
    endpoint_id, _ = subscribe(services, receiver.url("hang,204", "stopped"))
    create(services)
    with running(services):
        assert until(lambda: receiver.ledger("stopped"), WITHIN_S)
    assert row(services, endpoint_id).lease_until is None
    with running(services):
        assert arrived(services, endpoint_id)
    first, second = receiver.ledger("stopped")
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]


def test_a_secret_that_cannot_be_opened_costs_no_attempt(services: Services, receiver: Receiver) -> None:
    endpoint_id, _ = subscribe(services, receiver.url("204", "sealed"))
    create(services)
    with services.database.write() as session:
        sealed = session.get_one(WebhookEndpoint, endpoint_id).sealed_secret
        session.execute(update(WebhookEndpoint).values(sealed_secret="v1.00000000.AAAA"))
    with running(services):
        assert until(lambda: row(services, endpoint_id).fence == 1, WITHIN_S)
        assert until(lambda: row(services, endpoint_id).lease_until is None, WITHIN_S)
        assert (attempts(services), states(services, endpoint_id)) == ([], [DeliveryState.PENDING])
        with services.database.write() as session:
            session.execute(update(WebhookEndpoint).values(sealed_secret=sealed, announce_at=db_now()))
        assert arrived(services, endpoint_id)


def test_a_long_line_is_kept_alive_while_a_receiver_is_slow(
    make_workshop: Callable[..., Workshop], receiver: Receiver
) -> None:
    services = make_workshop(allow_private_webhooks=True, lease_s=1.0).bench.services
    endpoint_id, _ = subscribe(services, receiver.url("slow:3", "slow"))
    create(services)
    with running(services):
        assert arrived(services, endpoint_id)
    assert len(receiver.ledger("slow")) == 1
    assert row(services, endpoint_id).fence == 1
