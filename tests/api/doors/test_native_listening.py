"""Listeners over the wire: what is fetched is signed and answered for once, and nobody else's is touched."""

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from standardwebhooks.webhooks import Webhook

from shared.db.models import Delivery, WebhookEndpoint
from shared.db.moment import db_now
from shared.keys import Scope
from shared.webhooks import listening
from shared.webhooks.listening import FORGOTTEN_AFTER_S, MOST_AT_ONCE
from tests.api.doors.conftest import Door
from tests.processes import until
from tests.schemas import faults

LISTENERS = "/api/v2/webhook-listeners"
ENDPOINTS = "/api/v2/webhook-endpoints"


def listen(door: Door, **fields: Any) -> dict[str, Any]:
    answer = door.client.post(LISTENERS, json=fields)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def fetch(door: Door, listener: dict[str, Any]) -> dict[str, Any]:
    answer = door.client.post(f"{LISTENERS}/{listener['endpointId']}/fetch")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def settle(door: Door, listener: dict[str, Any], lease: int, *answers: dict[str, Any]) -> httpx.Response:
    wish = {"lease": lease, "answers": answers}
    return door.client.post(f"{LISTENERS}/{listener['endpointId']}/settle", json=wish)


def states(door: Door) -> list[str]:
    with door.services.database.read() as session:
        return sorted(state.value for state in session.scalars(select(Delivery.state)))


def test_what_is_fetched_is_signed_and_answered_for_once(door: Door) -> None:
    listener = listen(door, eventTypes=["voice_clone.processing"])
    assert (listener["kind"], listener["url"]) == ("listener", None)
    assert fetch(door, listener) == {"lease": None, "deliveries": []}
    clone = door.create()
    fetched = fetch(door, listener)
    (one,) = fetched["deliveries"]
    told = Webhook(listener["secret"]).verify(one["body"], one["headers"])
    assert (told["type"], told["data"]["voiceId"]) == ("voice_clone.processing", clone["voiceId"])
    assert one["headers"]["webhook-id"] == one["deliveryId"]
    assert fetch(door, listener)["lease"] is None  # in somebody's hands
    said = {"deliveryId": one["deliveryId"], "status": 204, "tookMs": 3, "detail": "taken", "response": "ok"}
    assert settle(door, listener, fetched["lease"], said).json()["data"] == {"settled": 1}
    assert fetch(door, listener)["lease"] is None
    path = f"{ENDPOINTS}/{listener['endpointId']}/deliveries/{one['deliveryId']}"
    shown = door.client.get(path).json()["data"]
    assert (shown["status"], shown["attempts"][0]["status"], shown["attempts"][0]["response"]) == (
        "delivered", 204, "ok",
    )  # fmt: skip


@pytest.mark.parametrize("status", [None, 500])
def test_what_is_not_accepted_comes_again_under_its_id(door: Door, status: int | None) -> None:
    listener = listen(door)
    door.create()
    fetched = fetch(door, listener)
    (one,) = fetched["deliveries"]
    settle(door, listener, fetched["lease"], {"deliveryId": one["deliveryId"], "status": status, "detail": "no"})
    assert states(door) == ["pending"]
    with door.services.database.write() as session:
        session.execute(update(Delivery).values(due_at=db_now()))
        session.execute(update(WebhookEndpoint).values(next_due_at=db_now(), paused_until=None))
    assert [again["deliveryId"] for again in fetch(door, listener)["deliveries"]] == [one["deliveryId"]]


def test_who_comes_too_late_writes_nothing(door: Door) -> None:
    listener = listen(door)
    door.create()
    late = fetch(door, listener)
    with door.services.database.write() as session:
        session.execute(update(WebhookEndpoint).values(lease_until=db_now(-1)))
    present = fetch(door, listener)
    said = {"deliveryId": late["deliveries"][0]["deliveryId"], "status": 200}
    refused = settle(door, listener, late["lease"], said)
    assert (refused.status_code, refused.json()["details"]["field"]) == (400, "lease")
    assert states(door) == ["pending"]
    assert settle(door, listener, present["lease"], said).status_code == 200
    assert states(door) == ["delivered"]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"lease": "1", "answers": []}, "lease"),
        ({"lease": -1, "answers": []}, "lease"),
        ({"lease": 1}, "answers"),
        ({"lease": 1, "answers": ["x"]}, "answers"),
        ({"lease": 1, "answers": [{}] * (MOST_AT_ONCE + 1)}, "answers"),
        ({"lease": 1, "answers": [{"deliveryId": "msg_x", "status": 42}]}, "answers"),
        ({"lease": 1, "answers": [{"deliveryId": "msg_x", "status": 200, "tookMs": "long"}]}, "answers"),
        ({"lease": 1, "answers": [{"deliveryId": "msg_x", "detail": "a\u0000b"}]}, "answers.detail"),
    ],
)
def test_answers_that_say_nothing_are_refused(door: Door, document: dict[str, Any], field: str) -> None:
    path = f"{LISTENERS}/{listen(door)['endpointId']}/settle"
    answer = door.client.post(path, json=document)
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, field), answer.text


def test_only_its_own_account_fetches_from_a_listener_and_only_from_listeners(door: Door) -> None:
    endpoint = door.client.post(ENDPOINTS, json={"url": "https://93.184.215.14/hook"}).json()["data"]["endpointId"]
    listener = listen(door)["endpointId"]
    other, reader = door.new_account(), door.new_key(Scope.READ)
    wish = {"lease": 1, "answers": []}
    assert door.client.post(LISTENERS, json={}, headers=reader).status_code == 403
    for way in ("fetch", "settle"):
        path = f"{LISTENERS}/{listener}/{way}"
        foreign = door.client.post(path, json=wish, headers=other)
        assert (foreign.status_code, foreign.json()["code"]) == (404, "NOT_FOUND")
        denied = door.client.post(path, json=wish, headers=reader)
        assert (denied.status_code, denied.json()["details"]["required"]) == (403, "webhook:manage")
        no_listener = door.client.post(f"{LISTENERS}/{endpoint}/{way}", json=wish)
        assert (no_listener.status_code, no_listener.json()["code"]) == (400, "INVALID_FIELD")
    unknown = door.client.post(LISTENERS, json={"eventTypes": ["voice_clone.gone"]})
    assert (unknown.status_code, "voice_clone.ready" in unknown.json()["message"]) == (400, True)
    assert door.client.post(f"{LISTENERS}/{listener}/fetch", params={"wait": 31}).status_code == 400


def test_a_listener_whose_server_wants_no_more_says_so(door: Door) -> None:
    listener = listen(door)
    door.create()
    fetched = fetch(door, listener)
    settle(door, listener, fetched["lease"], {"deliveryId": fetched["deliveries"][0]["deliveryId"], "status": 410})
    answer = door.client.post(f"{LISTENERS}/{listener['endpointId']}/fetch")
    assert (answer.status_code, "410" in answer.json()["message"]) == (400, True)


def test_what_happens_while_somebody_waits_is_fetched(door: Door) -> None:
    listener = listen(door)
    found = waiting(door, listener)
    door.create()
    assert until(lambda: bool(found), 60.0)
    assert [one["type"] for one in found[0]["deliveries"]] == ["voice_clone.processing"]


def test_nobody_waits_on_at_a_server_that_ends(door: Door) -> None:
    door.app.state.is_ending = True
    answer = door.client.post(f"{LISTENERS}/{listen(door)['endpointId']}/fetch", params={"wait": 30}, timeout=25)
    assert answer.json()["data"] == {"lease": None, "deliveries": []}


def waiting(door: Door, listener: dict[str, Any]) -> list[dict[str, Any]]:
    """Fetch with a wait in a thread; return the list that its answer comes into."""
    found: list[dict[str, Any]] = []
    path, key = f"{door.client.base_url}{LISTENERS}/{listener['endpointId']}/fetch", f"Bearer {door.key}"

    def ask() -> None:
        answer = httpx.post(path, params={"wait": 30}, headers={"authorization": key}, timeout=90, trust_env=False)
        found.append(answer.json()["data"])

    threading.Thread(target=ask, daemon=True).start()
    return found


def test_a_listener_that_nobody_fetched_from_for_a_day_is_forgotten(door: Door) -> None:
    used, idle = listen(door), listen(door)
    with door.services.database.write() as session:
        session.execute(update(WebhookEndpoint).values(updated_at=db_now(-FORGOTTEN_AFTER_S - 60)))
    fetch(door, used)
    with door.services.database.write() as session:
        listening.forget_idle(session)
    left = [one["endpointId"] for one in door.client.get(ENDPOINTS).json()["data"]["endpoints"]]
    assert left == [used["endpointId"]]
    assert door.client.post(f"{LISTENERS}/{idle['endpointId']}/fetch").status_code == 404


def test_answers_are_as_the_document_says(make_door: Callable[..., Door]) -> None:
    door = make_door()
    document = door.client.get("/openapi.json").json()
    listener = listen(door)
    door.create()
    fetched = fetch(door, listener)
    settled = settle(door, listener, fetched["lease"]).json()
    for way, answer in (("fetch", {"success": True, "data": fetched}), ("settle", settled)):
        declared = document["paths"][f"{LISTENERS}/{{endpoint_id}}/{way}"]["post"]["responses"]["200"]
        assert faults(answer, declared["content"]["application/json"]["schema"], document) == [], way
    assert "whsec_" not in json.dumps(door.client.get(ENDPOINTS).json())
