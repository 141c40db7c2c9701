"""The route of status polls: refusals, documentation and headers are those of any other route."""

import threading
from collections.abc import Callable

from shared.keys import list_keys, revoke
from tests.api.doors.conftest import Door, door, make_door

__all__ = ["door", "make_door"]


def test_a_poll_is_refused_as_anything_else_is(door: Door) -> None:
    path = f"/api/v2/voice-clones/{door.create()['voiceId']}"
    assert door.client.get(path).json()["data"]["name"] == "Anna"
    for headers, status, code in (
        ({"authorization": ""}, 401, "UNAUTHORIZED"),
        ({"authorization": "Bearer wrong"}, 401, "UNAUTHORIZED"),
        (door.new_key("voice:create"), 403, "MISSING_SCOPE"),
        (door.new_account(), 404, "VOICE_CLONE_NOT_FOUND"),
    ):
        answer = door.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    for word in ("vc_none", "%00", "a%00b"):
        assert door.client.get(f"/api/v2/voice-clones/{word}").status_code == 404
    assert door.client.head(path).status_code == 200


def test_polls_are_counted(make_door: Callable[..., Door]) -> None:
    door = make_door(requests_per_minute_per_key=4)
    path = f"/api/v2/voice-clones/{door.create()['voiceId']}"
    answers = [door.client.get(path) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]


def test_a_revoked_key_is_refused_by_the_next_poll(door: Door) -> None:
    path = f"/api/v2/voice-clones/{door.create()['voiceId']}"
    headers = door.new_key("voice:read")
    assert door.client.get(path, headers=headers).status_code == 200
    with door.services.database.write() as session:
        revoke(session, list_keys(session)[-1].id)
    assert door.client.get(path, headers=headers).status_code == 401


def test_many_polls_at_once_are_all_answered(make_door: Callable[..., Door]) -> None:
    door = make_door(requests_per_minute_per_key=0, requests_per_minute_per_account=0)
    path = f"/api/v2/voice-clones/{door.create()['voiceId']}"
    told: list[int] = []

    def ask() -> None:
        told.extend(door.client.get(path).status_code for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [200] * 200


def test_it_is_documented_like_any_other(door: Door) -> None:
    operation = door.client.get("/openapi.json").json()["paths"]["/api/v2/voice-clones/{voice_id}"]["get"]
    assert operation["summary"] == "Get a voice clone"
    assert [found["name"] for found in operation["parameters"]] == ["voice_id", "wait", "If-None-Match"]
    assert "200" in operation["responses"]
