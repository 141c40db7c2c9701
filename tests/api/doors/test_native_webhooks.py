"""Webhook endpoints over the wire: what is taken, shown once, refused, and never shown."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.db.models import Delivery, WebhookEndpoint
from shared.db.moment import db_now
from shared.keys import Scope
from shared.states import DeliveryState
from shared.webhooks import keyring
from shared.webhooks.endpoints import MOST_ENDPOINTS
from shared.webhooks.messages import TYPES
from tests.api.doors.conftest import Door
from tests.schemas import faults

ENDPOINTS = "/api/v2/webhook-endpoints"
URL = "https://93.184.215.14/hook"  # an address, so that no name is looked up


def add(door: Door, **fields: Any) -> dict[str, Any]:
    answer = door.client.post(ENDPOINTS, json={"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def rows(door: Door) -> list[WebhookEndpoint]:
    with door.services.database.read() as session:
        return list(session.scalars(select(WebhookEndpoint)))


def test_a_secret_is_shown_once_and_kept_sealed(door: Door) -> None:
    made = add(door, eventTypes=["voice_clone.ready"], description="ours")
    assert made["secret"].startswith("whsec_")
    assert (made["url"], made["eventTypes"], made["description"]) == (URL, ["voice_clone.ready"], "ours")
    (row,) = rows(door)
    assert made["secret"] not in str(row.sealed_secret)
    with door.services.database.read() as session:
        assert keyring.signing_keys(session, door.services.vault, made["endpointId"]) == (made["secret"],)
    for path in (ENDPOINTS, f"{ENDPOINTS}/{made['endpointId']}"):
        answer = door.client.get(path)
        assert answer.status_code == 200
        assert "whsec" not in answer.text


def test_a_retry_under_its_key_gets_the_secret_again_and_makes_nothing(door: Door) -> None:
    headers = {"Idempotency-Key": "one"}
    first = door.client.post(ENDPOINTS, json={"url": URL}, headers=headers)
    again = door.client.post(ENDPOINTS, json={"url": URL}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(rows(door)) == 1
    other = door.client.post(ENDPOINTS, json={"url": URL + "2"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    with door.services.database.read() as session:
        kept = session.connection().exec_driver_sql("SELECT body FROM idempotency_keys").scalars().all()
    assert all(first.json()["data"]["secret"] not in str(body) for body in kept)


@pytest.mark.parametrize(
    ("document", "code", "said"),
    [
        ({}, "MISSING_FIELD", "url"),
        ({"url": 7}, "INVALID_FIELD", "url"),
        ({"url": "ftp://x"}, "INVALID_FIELD", "http"),
        ({"url": "http://93.184.215.14/"}, "INVALID_WEBHOOK_URL", "https"),
        ({"url": "https://127.0.0.1/"}, "INVALID_WEBHOOK_URL", "127.0.0.1"),
        ({"url": "https://169.254.169.254/latest"}, "INVALID_WEBHOOK_URL", "169.254.169.254"),
        ({"url": "https://93.184.215.14:22/"}, "INVALID_WEBHOOK_URL", "port"),
        ({"url": "https://nowhere.invalid/"}, "INVALID_WEBHOOK_URL", "nowhere.invalid"),
        ({"url": URL, "eventTypes": ["voice_clone.gone"]}, "INVALID_FIELD", "voice_clone.gone"),
        ({"url": URL, "eventTypes": "voice_clone.ready"}, "INVALID_FIELD", "list"),
        ({"url": URL, "description": ["x"]}, "INVALID_FIELD", "description"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused(door: Door, document: dict[str, Any], code: str, said: str) -> None:
    answer = door.client.post(ENDPOINTS, json=document)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text
    assert said in answer.json()["message"]
    assert rows(door) == []


def test_a_callback_url_is_vetted_before_anything_is_kept(door: Door) -> None:
    answer = door.post(("a.flac", b"fLaC" + bytes(5000)), name="Anna", callback_url="https://10.0.0.1/hook")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_WEBHOOK_URL")
    assert "10.0.0.1" in answer.json()["message"]
    assert door.objects() == []


def test_private_addresses_are_taken_where_the_operator_says_so(make_door: Callable[..., Door]) -> None:
    door = make_door(allow_private_webhooks=True)
    answer = door.client.post(ENDPOINTS, json={"url": "http://127.0.0.1:9000/in"})
    assert answer.status_code == 201


def test_an_endpoint_is_changed_switched_off_and_deleted(door: Door) -> None:
    path = f"{ENDPOINTS}/{add(door, eventTypes=['voice_clone.ready'])['endpointId']}"
    answer = door.client.patch(path, json={"eventTypes": [], "isActive": False, "description": "x", "colour": 1})
    data = answer.json()["data"]
    assert (data["eventTypes"], data["isActive"], data["description"]) == (None, False, "x")
    assert data["ignoredFields"] == ["colour"]
    door.create()
    with door.services.database.read() as session:
        assert session.scalars(select(Delivery)).all() == []  # switched off by its owner: it is told nothing
    assert door.client.patch(path, json={"isActive": True}).json()["data"]["isActive"] is True
    assert door.client.patch(path, json={}).json()["code"] == "MISSING_FIELD"
    assert door.client.patch(path, json={"url": "https://10.0.0.1/"}).json()["code"] == "INVALID_WEBHOOK_URL"
    door.create("Bert")
    deleted = door.client.delete(path)
    assert (deleted.status_code, deleted.json()["message"]) == (200, "Webhook endpoint deleted")
    assert (door.client.get(path).status_code, door.client.delete(path).status_code) == (404, 404)
    assert rows(door) == []


def test_the_secret_of_callbacks_is_made_shown_and_replaced(door: Door) -> None:
    shown = door.client.get(f"{ENDPOINTS}/default").json()["data"]
    assert (shown["endpointId"], shown["kind"], shown["url"]) == ("default", "default", None)
    first = door.client.post(f"{ENDPOINTS}/default").json()["data"]["secret"]
    second = door.client.post(f"{ENDPOINTS}/default/rotate").json()["data"]["secret"]
    clone = door.create(callback_url=URL)
    with door.services.database.read() as session:
        callback = session.scalars(select(WebhookEndpoint.id).where(WebhookEndpoint.url == URL)).one()
        assert keyring.signing_keys(session, door.services.vault, callback) == (second, first)
    page = door.client.get(f"{ENDPOINTS}/default/deliveries").json()["data"]
    assert [(one["voiceId"], one["type"]) for one in page["deliveries"]] == [
        (clone["voiceId"], "voice_clone.processing")
    ]
    assert door.client.get(ENDPOINTS).json()["data"]["endpoints"] == []
    for method in ("PATCH", "DELETE"):
        assert door.client.request(method, f"{ENDPOINTS}/default", json={"isActive": False}).status_code == 404
    assert door.client.post(f"{ENDPOINTS}/default/test").json()["code"] == "NOT_REPLAYABLE"


def test_a_delivery_is_listed_shown_and_sent_again(door: Door) -> None:
    endpoint = add(door)
    path = f"{ENDPOINTS}/{endpoint['endpointId']}"
    clone = door.create()
    tried = door.client.post(f"{path}/test")
    assert (tried.status_code, json.loads(tried.json()["data"]["body"])["type"]) == (202, "test")
    page = door.client.get(f"{path}/deliveries", params={"status": "pending"}).json()["data"]
    assert (page["total"], [one["type"] for one in page["deliveries"]]) == (2, ["test", "voice_clone.processing"])
    assert door.client.get(f"{path}/deliveries", params={"status": "lost"}).status_code == 400
    delivery_id = page["deliveries"][1]["deliveryId"]
    one = door.client.get(f"{path}/deliveries/{delivery_id}").json()["data"]
    assert json.loads(one["body"])["data"]["voiceId"] == clone["voiceId"]
    with door.services.database.write() as session:
        session.execute(update(Delivery).values(state=DeliveryState.FAILED))
    again = door.client.post(f"{path}/deliveries/{delivery_id}/replay")
    assert (again.status_code, again.json()["data"]["status"]) == (202, "pending")
    assert door.client.get(f"{path}/deliveries/msg_nothing").json()["code"] == "NOT_FOUND"
    assert door.client.post(f"{path}/deliveries/msg_nothing/replay").status_code == 404


def switched_off(door: Door, url: str) -> None:
    """Do what an answer of 410 does."""
    off = {"is_active": False, "disabled_at": db_now(), "disabled_reason": "The receiver answered 410."}
    with door.services.database.write() as session:
        session.execute(update(WebhookEndpoint).where(WebhookEndpoint.url == url).values(**off))


def test_what_waits_for_an_endpoint_that_is_off_says_so_and_goes_on_when_it_is_on(door: Door) -> None:
    path = f"{ENDPOINTS}/{add(door)['endpointId']}"
    delivery = f"{path}/deliveries/{door.client.post(f'{path}/test').json()['data']['deliveryId']}"
    shown = door.client.get(delivery).json()["data"]
    assert (shown["onHold"], shown["nextAttemptAt"] is None) == (None, False)
    switched_off(door, URL)
    held = door.client.get(delivery).json()["data"]
    assert (held["status"], held["nextAttemptAt"]) == ("pending", None)
    assert held["onHold"].startswith("The receiver answered 410. What waits is sent when it is switched on again")
    assert door.client.post(f"{delivery}/replay").json()["code"] == "NOT_REPLAYABLE"
    door.client.patch(path, json={"isActive": True})
    assert door.client.get(delivery).json()["data"]["onHold"] is None


def test_a_callback_that_is_called_no_more_says_so_and_is_called_again_by_a_replay(door: Door) -> None:
    default = f"{ENDPOINTS}/default"
    door.client.post(default)
    door.create(callback_url=URL)
    switched_off(door, URL)
    [held] = door.client.get(f"{default}/deliveries").json()["data"]["deliveries"]
    assert "when a delivery is replayed" in held["onHold"]
    assert door.client.get(default).json()["data"]["pending"] == 1
    again = door.client.post(f"{default}/deliveries/{held['deliveryId']}/replay")
    assert (again.status_code, again.json()["data"]["onHold"]) == (202, None)
    with door.services.database.read() as session:
        assert session.scalars(select(WebhookEndpoint.is_active).where(WebhookEndpoint.url == URL)).all() == [True]


def test_nobody_reaches_anothers_endpoint_or_any_without_the_permission(door: Door) -> None:
    path = f"{ENDPOINTS}/{add(door)['endpointId']}"
    other, reader = door.new_account(), door.new_key(Scope.READ)
    calls = [
        ("GET", path), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/rotate"), ("POST", f"{path}/test"),
        ("GET", f"{path}/deliveries"), ("GET", f"{path}/deliveries/msg_x"), ("POST", f"{path}/deliveries/msg_x/replay"),
    ]  # fmt: skip
    for method, address in calls:
        foreign = door.client.request(method, address, headers=other, json={"isActive": False})
        assert (foreign.status_code, foreign.json()["code"]) == (404, "NOT_FOUND"), address
        denied = door.client.request(method, address, headers=reader, json={"isActive": False})
        assert (denied.status_code, denied.json()["details"]["required"]) == (403, "webhook:manage"), address
    assert door.client.get(path).json()["data"]["isActive"] is True


def test_an_account_has_so_many_endpoints_and_no_more(door: Door) -> None:
    for _ in range(MOST_ENDPOINTS):
        add(door)
    answer = door.client.post(ENDPOINTS, json={"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (409, "WEBHOOK_LIMIT_EXCEEDED")
    assert answer.json()["details"] == {"current_count": MOST_ENDPOINTS, "max_allowed": MOST_ENDPOINTS}


def test_the_types_that_are_declared_are_the_types_there_are(door: Door) -> None:
    document = door.client.get("/openapi.json").json()
    schema = document["paths"][ENDPOINTS]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["eventTypes"]["items"]["enum"] == list(TYPES)
    assert add(door, eventTypes=list(TYPES))["eventTypes"] == list(TYPES)


def test_answers_are_as_the_document_says(door: Door) -> None:
    document = door.client.get("/openapi.json").json()
    made = add(door)
    door.create()
    one = f"{ENDPOINTS}/{{endpoint_id}}"
    delivery_id = door.client.get(f"{ENDPOINTS}/{made['endpointId']}/deliveries").json()["data"]["deliveries"][0][
        "deliveryId"
    ]
    asked = [
        ("post", ENDPOINTS), ("get", ENDPOINTS), ("get", f"{ENDPOINTS}/default"), ("post", f"{ENDPOINTS}/default"),
        ("get", one), ("patch", one), ("post", f"{one}/rotate"), ("post", f"{one}/test"), ("get", f"{one}/deliveries"),
        ("get", f"{one}/deliveries/{{delivery_id}}"), ("post", f"{one}/deliveries/{{delivery_id}}/replay"),
        ("delete", one),
    ]  # fmt: skip
    for method, path in asked:
        address = path.format(endpoint_id=made["endpointId"], delivery_id=delivery_id)
        answer = door.client.request(method, address, json={"url": URL})
        (status, declared), *_ = document["paths"][path][method]["responses"].items()
        assert answer.status_code == int(status), answer.text
        assert faults(answer.json(), declared["content"]["application/json"]["schema"], document) == [], path
