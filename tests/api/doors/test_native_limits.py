"""Limits of requests at the native door: 429 in the envelope, headers on every answer to a known key."""

import socket
import time
from collections.abc import Callable

from api.limits import WRONG_KEYS_PER_MINUTE
from tests.api.doors.conftest import Door

CLONES = "/api/v2/voice-clones"
NAMES = ("ratelimit-policy", "ratelimit", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
MakeDoor = Callable[..., Door]


def test_over_the_limit_is_429_with_retry_after(make_door: MakeDoor) -> None:
    door = make_door(requests_per_minute_per_key=2)
    assert [door.client.get(CLONES).status_code for _ in range(3)] == [200, 200, 429]
    refused = door.client.get(CLONES)
    body = refused.json()
    assert body["code"] == "RATE_LIMIT_EXCEEDED"
    assert 1 <= int(refused.headers["retry-after"]) == body["details"]["retry_after_s"] <= 60
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert door.client.get(CLONES, headers=door.new_key()).status_code == 200, "another key goes on"


def test_the_keys_of_an_account_share_its_limit(make_door: MakeDoor) -> None:
    door = make_door(requests_per_minute_per_account=2)
    answers = [door.client.get(CLONES, headers=door.new_key()).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert door.client.get(CLONES, headers=door.new_account()).status_code == 200


def test_every_answer_to_a_known_key_tells_what_is_left(make_door: MakeDoor) -> None:
    door = make_door(requests_per_minute_per_key=50, requests_per_minute_per_account=100)
    answers = [
        door.client.get(CLONES),
        door.client.get(f"{CLONES}/vc_nobody"),
        door.client.get(CLONES, params={"limit": 0}),
        door.post(name="A"),
        door.client.get(CLONES, headers=door.new_key("voice:create")),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 400, 400, 403]
    for answer in answers:
        assert [name for name in NAMES if name not in answer.headers] == []
        assert answer.headers["ratelimit-policy"] == '"key";q=50;w=60, "account";q=100;w=60'
    assert [int(answer.headers["x-ratelimit-remaining"]) for answer in answers[:4]] == [49, 48, 47, 46]
    assert 0 <= int(answers[0].headers["x-ratelimit-reset"]) - time.time() <= 61


def test_without_limits_nothing_is_told(door: Door) -> None:
    answer = door.client.get(CLONES)
    assert [name for name in NAMES if name in answer.headers] == []


def test_health_and_documentation_are_free(make_door: MakeDoor) -> None:
    door = make_door(requests_per_minute_per_key=1)
    for path in ("/livez", "/readyz", "/openapi.json", "/docs") * 3:
        answer = door.client.get(path)
        assert answer.status_code == 200
        assert "ratelimit" not in answer.headers


def test_an_upload_over_the_limit_is_refused_before_its_body_is_read(make_door: MakeDoor) -> None:
    door = make_door(requests_per_minute_per_key=1)
    door.client.get(CLONES)
    lines = [
        f"POST {CLONES} HTTP/1.1", "host: x", f"authorization: Bearer {door.key}",
        "content-type: multipart/form-data; boundary=x", "content-length: 1000000", "", "",
    ]  # fmt: skip
    with socket.create_connection(("127.0.0.1", door.client.base_url.port or 0), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 429 ")


def test_keys_cannot_be_guessed_for_free(door: Door) -> None:
    assert door.client.get(CLONES).status_code == 200
    unused = door.new_key()

    def guess() -> int:
        return door.client.get(CLONES, headers={"authorization": "Bearer guess"}).status_code

    assert [guess() for _ in range(WRONG_KEYS_PER_MINUTE)] == [401] * WRONG_KEYS_PER_MINUTE
    assert guess() == 429
    right_but_new = door.client.get(CLONES, headers=unused)
    assert (right_but_new.status_code, right_but_new.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert int(right_but_new.headers["retry-after"]) >= 1
    assert door.client.get(CLONES).status_code == 200, "a key in use is not locked out"
    assert door.client.get(CLONES, headers={"authorization": ""}).status_code == 401
