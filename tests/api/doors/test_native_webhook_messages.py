"""The messages that the OpenAPI document shows are the messages that are sent."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.keys import MAIN_ACCOUNT
from shared.states import EventType
from shared.webhooks.deliveries import News, tell_of_disabled
from shared.webhooks.messages import LONG, TEST, TYPES, message
from tests.api.doors.conftest import Door
from tests.schemas import faults

LISTENERS = "/api/v2/webhook-listeners"


@pytest.fixture
def document(door: Door) -> dict[str, Any]:
    found: dict[str, Any] = door.client.get("/openapi.json").json()
    return found


def told(door: Door) -> dict[str, Any]:
    """Have one message of each shape written; return them by their type."""
    listener = door.client.post(LISTENERS, json={}).json()["data"]["endpointId"]
    clone = door.create()
    with door.services.database.write() as session:
        tell_of_disabled(session, MAIN_ACCOUNT, "whe_other", "https://example.com/", "It said so.")
    assert door.client.post(f"/api/v2/webhook-endpoints/{listener}/test").status_code == 202
    bodies = fetched(door, listener)
    with door.services.database.write() as session:
        News(MAIN_ACCOUNT, clone["voiceId"], 9, EventType.ERASED, datetime.now(UTC), None).write(session)
    return bodies | fetched(door, listener)


def fetched(door: Door, listener: str) -> dict[str, Any]:
    data = door.client.post(f"{LISTENERS}/{listener}/fetch").json()["data"]
    answers = [{"deliveryId": one["deliveryId"], "status": 200} for one in data["deliveries"]]
    wish = {"lease": data["lease"], "answers": answers}
    assert door.client.post(f"{LISTENERS}/{listener}/settle", json=wish).status_code == 200
    return {one["type"]: json.loads(one["body"]) for one in data["deliveries"]}


def schema_of(document: dict[str, Any], kind: str) -> dict[str, Any]:
    body = document["x-webhooks"][kind]["post"]["requestBody"]
    found: dict[str, Any] = body["content"]["application/json"]["schema"]
    return found


def test_every_type_is_shown_with_its_headers_and_none_is_served(door: Door, document: dict[str, Any]) -> None:
    assert set(document["x-webhooks"]) == {*TYPES, TEST}
    for kind, item in document["x-webhooks"].items():
        operation = item["post"]
        headers = {one["name"] for one in operation["parameters"] if one["in"] == "header" and one["required"]}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        assert (operation["security"], set(operation["responses"])) == ([], {"200", "410", "4XX"})
        assert door.client.post(f"/{kind}", json={}).status_code == 404


def test_what_is_sent_is_as_the_document_says(door: Door, document: dict[str, Any]) -> None:
    bodies = told(door)
    assert set(bodies) == {"voice_clone.processing", "voice_clone.erased", "webhook_endpoint.disabled", TEST}
    for kind, body in bodies.items():
        assert faults(body, schema_of(document, kind), document) == [], kind


def test_what_is_left_out_of_a_long_message_is_not_promised(door: Door, document: dict[str, Any]) -> None:
    data = told(door)["voice_clone.processing"]["data"]
    long = json.loads(message("voice_clone.ready", datetime.now(UTC), data | dict.fromkeys(LONG, "x" * 20_000)))
    assert (set(LONG) & set(long["data"]), long["data"]["omitted"]) == (set(), list(LONG))
    assert faults(long, schema_of(document, "voice_clone.ready"), document) == []
    kept = {name for name in data if name not in LONG}
    for name in kept - {"notice"}:
        short = long | {"data": {key: value for key, value in long["data"].items() if key != name}}
        assert faults(short, schema_of(document, "voice_clone.ready"), document) != [], name
