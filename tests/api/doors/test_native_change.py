"""Changing a clone: by the rules of its creation, with the body read within bounds."""

import json

import pytest
from sqlalchemy import update

from shared.db.models import Clone
from tests.api.doors.conftest import Door

CLONES = "/api/v2/voice-clones"
METHODS = ["PUT", "PATCH"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ('{"name": "   "}', "name"),
        ('{"name": "n\\u0000"}', "name"),
        ('{"name": "\\ud800"}', "name"),
        ('{"name": "two\\nlines"}', "name"),
        ('{"description": "\\u001b[2J!"}', "description"),
        (json.dumps({"description": "d" * 2001}), "description"),
        (json.dumps({"name": "n" * 101}), "name"),
        ('{"isActive": 1}', "isActive"),
    ],
)
def test_what_a_creation_would_refuse_a_change_refuses(door: Door, method: str, change: str, field: str) -> None:
    before = door.create()
    answer = door.client.request(method, f"{CLONES}/{before['voiceId']}", content=change)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD")
    assert answer.json()["details"]["field"] == field
    after = door.client.get(f"{CLONES}/{before['voiceId']}").json()["data"]
    assert (after["name"], after["description"], after["isActive"]) == ("Anna", None, True)


def test_a_name_is_stripped_and_may_be_as_long_as_its_engine_takes(door: Door) -> None:
    clone = f"{CLONES}/{door.create()['voiceId']}"
    changed = {"name": f"  {'n' * 100} ", "description": "one\r\ntwo\n"}
    data = door.client.patch(clone, json=changed).json()["data"]
    assert (data["name"], data["description"]) == ("n" * 100, "one\ntwo")


def test_a_clone_whose_vendor_is_gone_can_still_be_renamed(door: Door) -> None:
    clone = f"{CLONES}/{door.create()['voiceId']}"
    with door.services.database.write() as session:
        session.execute(update(Clone).values(vendor="gone"))
    assert door.client.patch(clone, json={"name": "n" * 200}).json()["data"]["name"] == "n" * 200


@pytest.mark.parametrize("method", METHODS)
def test_fields_that_cannot_be_changed_are_named(door: Door, method: str) -> None:
    clone = f"{CLONES}/{door.create()['voiceId']}"
    body = '{"name": "Berta", "status": "ready", "labels": {}, "\\ud800x\\u0000": 1, "is_active": false}'
    answer = door.client.request(method, clone, content=body)
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["name"], data["isActive"], data["status"]) == ("Berta", True, "processing")
    assert data["ignoredFields"] == ["status", "labels", "x", "is_active"]
    assert "ignoredFields" not in door.client.patch(clone, json={"name": "C", "description": None}).json()["data"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", [b"", b"name=Berta", b'{"name": ', b'{"name": NaN}', b"\xff"])
def test_a_body_that_is_no_json_is_malformed(door: Door, method: str, body: bytes) -> None:
    answer = door.client.request(method, f"{CLONES}/{door.create()['voiceId']}", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_BODY")
    assert '{"name": "Anna"}' in answer.json()["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused(door: Door, chunked: bool) -> None:
    body = json.dumps({"x": "x" * 70_000}).encode()
    clone = f"{CLONES}/{door.create()['voiceId']}"
    answer = door.client.patch(clone, content=iter([body]) if chunked else body)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_BODY")
    assert answer.json()["details"] == {"limit": 65_536}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("body", "ignored"),
    [
        ("{}", []),
        ('{"name": null}', []),
        ('{"name": null, "description": null, "isActive": null}', []),
        ('{"status": "ready"}', ["status"]),
    ],
)
def test_a_change_of_nothing_is_refused_and_says_what_can_be_changed(
    door: Door, method: str, body: str, ignored: list[str]
) -> None:
    before = door.create()
    answer = door.client.request(method, f"{CLONES}/{before['voiceId']}", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "MISSING_FIELD")
    assert answer.json()["details"] == {"changeable": ["name", "description", "isActive"], "ignored": ignored}
    assert "name, description, isActive" in answer.json()["message"]
    after = door.client.get(f"{CLONES}/{before['voiceId']}").json()["data"]
    assert after["updatedAt"] == before["updatedAt"]
