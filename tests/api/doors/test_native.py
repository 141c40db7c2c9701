"""Reading, changing and deleting through the native door; keys and scopes; everything in Buena's envelope."""

import pytest
from sqlalchemy import update

from shared.db.models import Clone, Job
from shared.states import Outcome, Status
from tests.api.doors.conftest import Door

CLONES = "/api/v2/voice-clones"


def test_a_clone_is_read_back(door: Door) -> None:
    created = door.create()
    answer = door.client.get(f"{CLONES}/{created['voiceId']}")
    assert answer.status_code == 200
    assert answer.json()["data"]["voiceId"] == created["voiceId"]


def test_the_list_is_newest_first_and_carries_the_newest_status(door: Door) -> None:
    made = [door.create(f"clone {number}")["voiceId"] for number in range(3)]
    body = door.client.get(CLONES, params={"limit": 2}).json()
    assert [clone["voiceId"] for clone in body["data"]["voiceClones"]] == made[:0:-1]
    assert body["data"]["total"] == 3
    assert (body["data"]["status"], body["data"]["training_progress"], body["data"]["error_message"]) == (
        "processing",
        0,
        None,
    )
    rest = door.client.get(CLONES, params={"limit": 2, "offset": 2}).json()["data"]
    assert [clone["voiceId"] for clone in rest["voiceClones"]] == made[:1]
    assert rest["status"] == "processing"


def test_an_empty_list_is_a_list(door: Door) -> None:
    assert door.client.get(CLONES).json()["data"] == {"voiceClones": [], "total": 0}


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"offset": -1}])
def test_a_page_out_of_range_is_400(door: Door, query: dict[str, object]) -> None:
    answer = door.client.get(CLONES, params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_name_and_description_can_be_changed(door: Door, method: str) -> None:
    voice_id = door.create()["voiceId"]
    answer = door.client.request(method, f"{CLONES}/{voice_id}", json={"name": "Berta", "isActive": False})
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["name"], data["description"], data["isActive"]) == ("Berta", None, False)


@pytest.mark.parametrize("body", [{"name": ""}, {"name": 5}, {"name": "n" * 256}, {"isActive": "yes"}, [], "x"])
def test_a_change_that_cannot_be_is_400(door: Door, body: object) -> None:
    voice_id = door.create()["voiceId"]
    answer = door.client.patch(f"{CLONES}/{voice_id}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD")


def test_what_a_client_may_not_write_it_cannot_write(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    door.client.patch(f"{CLONES}/{voice_id}", json={"status": "ready", "account_id": "acc_x", "seq": 99})
    data = door.client.get(f"{CLONES}/{voice_id}").json()["data"]
    assert (data["status"], data["seq"]) == ("processing", 1)


def test_a_deleted_clone_is_gone_at_once(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    answer = door.client.delete(f"{CLONES}/{voice_id}")
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "message": "Voice clone deleted successfully", "deleted_id": voice_id}
    assert door.client.get(f"{CLONES}/{voice_id}").status_code == 404
    assert door.client.delete(f"{CLONES}/{voice_id}").status_code == 404
    assert door.client.get(CLONES).json()["data"]["total"] == 0


def test_the_history_is_read_with_a_cursor(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    data = door.client.get(f"{CLONES}/{voice_id}/events").json()["data"]
    assert [(line["seq"], line["type"]) for line in data["events"]] == [(1, "voice_clone.processing")]
    assert (data["after"], data["seq"], data["isTerminal"]) == (1, 1, False)
    assert door.client.get(f"{CLONES}/{voice_id}/events", params={"after": 1}).json()["data"]["events"] == []


def test_a_cursor_beyond_any_line_is_400_and_the_largest_is_an_empty_page(door: Door) -> None:
    events = f"{CLONES}/{door.create()['voiceId']}/events"
    assert door.client.get(events, params={"after": 2**31}).status_code == 400
    assert door.client.get(events, params={"after": 2**31 - 1}).json()["data"]["events"] == []
    assert door.client.get(CLONES, params={"offset": 2**31 - 1}).json()["data"]["voiceClones"] == []


def test_a_slash_at_the_end_is_404_in_the_envelope(door: Door) -> None:
    answer = door.client.post(f"{CLONES}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


def test_a_ready_clone_says_100_and_no_other_does(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    with door.services.database.write() as session:
        session.execute(update(Job).values(progress=100))
    assert door.client.get(f"{CLONES}/{voice_id}").json()["data"]["training_progress"] == 99
    with door.services.database.write() as session:
        session.execute(update(Job).values(outcome=Outcome.DONE))
        session.execute(update(Clone).values(status=Status.READY, vendor_voice_id="v"))
    data = door.client.get(f"{CLONES}/{voice_id}").json()["data"]
    assert (data["training_progress"], data["isTerminal"], data["vendorVoiceId"], data["stage"]) == (
        100,
        True,
        "v",
        None,
    )


@pytest.mark.parametrize(
    "headers", [{"authorization": ""}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic x"}]
)
def test_without_a_known_key_it_is_401(door: Door, headers: dict[str, str]) -> None:
    for method, path in (("GET", CLONES), ("POST", CLONES), ("DELETE", f"{CLONES}/vc_x")):
        answer = door.client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_key_may_come_as_x_api_key(door: Door) -> None:
    headers = {"authorization": "", "x-api-key": door.key}
    assert door.client.get(CLONES, headers=headers).status_code == 200


def test_a_missing_scope_is_403_and_named(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    reader = door.new_key("voice:read")
    refused = [
        ("POST", CLONES, "voice:create"),
        ("PATCH", f"{CLONES}/{voice_id}", "voice:update"),
        ("PUT", f"{CLONES}/{voice_id}", "voice:update"),
        ("DELETE", f"{CLONES}/{voice_id}", "voice:delete"),
    ]
    for method, path, scope in refused:
        answer = door.client.request(method, path, headers=reader)
        assert (answer.status_code, answer.json()["code"]) == (403, "MISSING_SCOPE")
        assert answer.json()["details"]["required"] == scope
        assert scope in answer.json()["message"]
    assert door.client.get(f"{CLONES}/{voice_id}", headers=reader).status_code == 200


def test_another_accounts_clone_is_404_everywhere(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    stranger = door.new_account()
    paths = [("GET", ""), ("DELETE", ""), ("GET", "/events"), ("GET", "/report")]
    for method, tail in paths:
        foreign = door.client.request(method, f"{CLONES}/{voice_id}{tail}", headers=stranger)
        missing = door.client.request(method, f"{CLONES}/vc_000000000000000000000000{tail}", headers=stranger)
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json()["message"].replace(voice_id, "X") == missing.json()["message"].replace(
            "vc_" + "0" * 24, "X"
        )
    assert door.client.patch(f"{CLONES}/{voice_id}", json={"name": "x"}, headers=stranger).status_code == 404
    assert door.client.get(CLONES, headers=stranger).json()["data"]["total"] == 0


def test_an_unknown_path_and_a_wrong_method_are_in_the_envelope(door: Door) -> None:
    unknown = door.client.get("/api/v2/nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
    wrong = door.client.put(CLONES)
    assert (wrong.status_code, wrong.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert {word.strip() for word in wrong.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}


def test_a_clients_request_id_is_kept_if_it_is_one(door: Door) -> None:
    assert door.client.get(CLONES, headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert door.client.get(CLONES, headers={"x-request-id": "a b\tc"}).headers["x-request-id"].startswith("req_")


def test_vendors_are_listed_with_their_limits(door: Door) -> None:
    [vendor] = door.client.get("/api/v2/vendors").json()["data"]["vendors"]
    assert vendor["vendor"] == "sandbox"
    assert vendor["engines"][0]["files"] == {"min": 1, "max": 25}
    assert vendor["engines"][0]["fileSeconds"] == {"min": None, "max": None}
    assert vendor["engines"][0]["totalSeconds"] == {"min": 1, "max": 600}
    assert vendor["engines"][0]["bestSeconds"] is None
    assert vendor["engines"][0]["containers"] == ["flac", "wav"]
    assert (vendor["engines"][0]["addsSamples"], vendor["engines"][0]["maxSamples"]) == (True, 25)
    assert vendor["engines"][0]["progress"] == "percent"


def test_the_documentation_needs_no_network(door: Door) -> None:
    page = door.client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text.replace("https://fastapi.tiangolo.com", "")
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/docs/assets/{asset}" in page.text
        assert door.client.get(f"/docs/assets/{asset}").status_code == 200
    assert door.client.get("/", follow_redirects=False).headers["location"] == "/docs"


def test_it_says_whether_it_is_ready(door: Door) -> None:
    assert door.client.get("/livez").json() == {"status": "ok"}
    ready = door.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    assert ready.json()["parts"]["database"] == ready.json()["parts"]["storage"] == "ok"
