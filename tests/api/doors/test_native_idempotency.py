"""`Idempotency-Key` at the native door: one clone per key, the first answer again, and nothing kept of refusals."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.exc import OperationalError

from shared import idempotency
from shared.db.models import Clone, IdempotencyKey
from shared.db.moment import db_now
from tests.api.doors.conftest import SPEECH, Door
from tests.processes import until
from worker.sweep import sweep_idempotency_keys

WAV = b"RIFF\0\0\0\0WAVEfmt " + b"\0" * 5000
CLONES = "/api/v2/voice-clones"


def post(door: Door, key: str = "key-1", *, data: bytes = SPEECH, file: str = "anna.flac", **fields: str) -> Any:
    return door.post((file, data), headers={"idempotency-key": key}, **{"name": "Anna", **fields})


def clones_in(door: Door) -> int:
    with door.services.database.read() as session:
        return session.scalar(select(func.count()).select_from(Clone)) or 0


def rows(door: Door) -> list[IdempotencyKey]:
    with door.services.database.read() as session:
        return list(session.scalars(select(IdempotencyKey)))


def age(door: Door, **moments: float) -> None:
    with door.services.database.write() as session:
        values = {name: db_now(plus_s=plus_s) for name, plus_s in moments.items()}
        session.execute(update(IdempotencyKey).values(**values))


def test_the_same_request_again_gets_the_first_answer_again(door: Door) -> None:
    first, again = post(door), post(door)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert clones_in(door) == 1


def test_a_replay_leaves_no_object_in_storage(door: Door) -> None:
    post(door)
    before = door.objects()
    post(door)
    assert door.objects() == before


def test_the_order_of_fields_and_the_boundary_do_not_matter(door: Door) -> None:
    def send(boundary: str, names: list[str]) -> httpx.Response:
        values = {"name": "Anna", "description": "warm"}
        body = b"".join(
            f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{values[name]}\r\n'.encode()
            for name in names
        )
        body += f'--{boundary}\r\ncontent-disposition: form-data; name="files"; filename="a.flac"\r\n\r\n'.encode()
        headers = {"content-type": f"multipart/form-data; boundary={boundary}", "idempotency-key": "order"}
        return door.client.post(CLONES, content=body + SPEECH + f"\r\n--{boundary}--\r\n".encode(), headers=headers)

    assert send("one", ["name", "description"]).status_code == 201
    assert send("two", ["description", "name"]).headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    "other",
    [{"name": "Berta"}, {"description": "warm"}, {"file": "berta.flac"}, {"data": WAV}, {"vendor": "nobody"}],
    ids=str,
)
def test_other_content_under_a_used_key_is_422_and_makes_nothing(door: Door, other: dict[str, Any]) -> None:
    post(door)
    before = door.objects()
    refused = post(door, **other)
    assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert clones_in(door) == 1
    assert door.objects() == before
    assert post(door).headers["idempotent-replayed"] == "true", "the answer is kept"


def test_another_account_may_use_the_same_key(door: Door) -> None:
    post(door)
    answer = door.post(("anna.flac", SPEECH), name="Anna", headers={**door.new_account(), "idempotency-key": "key-1"})
    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers
    assert clones_in(door) == 2


def test_requests_without_a_key_are_never_twins(door: Door) -> None:
    door.create()
    door.create()
    assert clones_in(door) == 2
    assert rows(door) == []


def test_twenty_concurrent_twins_make_one_clone(door: Door) -> None:
    start = threading.Barrier(20)

    def twin(_: int) -> httpx.Response:
        with httpx.Client(base_url=door.client.base_url, headers=door.client.headers, trust_env=False) as client:
            start.wait()
            return client.post(
                CLONES,
                data={"name": "Anna"},
                files={"files": ("anna.flac", SPEECH)},
                headers={"idempotency-key": "twins"},
                timeout=300,
            )

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(twin, range(20)))
    created = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert len(created) + len(waiting) == 20, {answer.text for answer in answers}
    assert len({answer.content for answer in created}) == 1
    assert [answer.headers.get("idempotent-replayed") for answer in created].count(None) == 1
    for answer in waiting:
        assert answer.json()["code"] == "IDEMPOTENCY_IN_FLIGHT"
        assert int(answer.headers["retry-after"]) >= 1
    assert clones_in(door) == 1
    assert len(door.objects()) == 1


def test_a_replay_of_a_clone_that_was_deleted_is_410_and_nothing_of_it_is_kept(door: Door) -> None:
    voice_id, other = (post(door, key).json()["data"]["voiceId"] for key in ("key-1", "key-2"))
    labels = f'{{"voiceId": "{voice_id}"}}'
    assert post(door, "key-3", labels=labels).status_code == 201
    assert door.client.delete(f"{CLONES}/{voice_id}").status_code == 200
    gone = post(door)
    assert (gone.status_code, gone.json()["code"]) == (410, "IDEMPOTENT_CLONE_DELETED")
    assert (post(door, name="Berta").status_code, clones_in(door)) == (422, 3), "the key stays used"
    assert {row.key: row.body is None for row in rows(door)} == {"key-1": True, "key-2": False, "key-3": False}
    assert post(door, "key-2").json()["data"]["voiceId"] == other
    assert post(door, "key-3", labels=labels).headers["idempotent-replayed"] == "true"
    assert post(door, "key-4").status_code == 201


def test_while_a_dead_holder_has_the_key_a_retry_is_told_to_wait_for_its_lease(door: Door) -> None:
    with half_a_request(door, "key-1"):
        assert until(lambda: len(rows(door)) == 1)
        age(door, lease_until=30)
        assert 25 <= int(post(door).headers["retry-after"]) <= 30


def test_a_refusal_is_not_kept_and_a_retry_may_succeed(door: Door) -> None:
    assert post(door, name=" ").status_code == 400
    assert post(door, data=b"text").status_code == 400
    assert rows(door) == []
    answer = post(door)
    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers


def test_the_quota_refuses_a_new_key_and_not_a_replay(make_door: Callable[..., Door]) -> None:
    door = make_door(max_clones_per_user=1)
    first = post(door)
    assert post(door).content == first.content
    refused = post(door, "key-2")
    assert (refused.status_code, refused.json()["code"]) == (429, "VOICE_CLONE_LIMIT_EXCEEDED")
    assert [row.key for row in rows(door)] == ["key-1"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "ünïcode", "tab\there"], ids=ascii)
def test_an_unusable_key_is_400_before_anything_is_stored(door: Door, key: str) -> None:
    refused = door.client.post(
        CLONES, files={"files": ("a.flac", SPEECH)}, data={"name": "A"}, headers={"idempotency-key": key.encode()}
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_FIELD")
    assert refused.json()["details"]["field"] == "Idempotency-Key"
    assert door.objects() == []


def test_the_longest_key_is_taken(door: Door) -> None:
    assert post(door, "~" * 255).status_code == 201
    assert post(door, "~" * 255).headers["idempotent-replayed"] == "true"


def half_a_request(door: Door, key: str) -> socket.socket:
    """Begin an upload that goes on for as long as its connection is open."""
    head = b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.wav"\r\n\r\n' + WAV
    lines = [
        f"POST {CLONES} HTTP/1.1", "host: x", f"authorization: Bearer {door.key}", f"idempotency-key: {key}",
        "content-type: multipart/form-data; boundary=x", f"content-length: {len(head) + 100_000}", "", "",
    ]  # fmt: skip
    connection = socket.create_connection(("127.0.0.1", door.client.base_url.port or 0))
    connection.sendall("\r\n".join(lines).encode() + head)
    return connection


def test_a_key_is_taken_before_the_body_is_read_and_free_when_the_client_is_gone(door: Door) -> None:
    with half_a_request(door, "key-1"):
        assert until(lambda: len(rows(door)) == 1)
        refused = post(door)
        assert (refused.status_code, refused.json()["code"]) == (409, "IDEMPOTENCY_IN_FLIGHT")
        assert int(refused.headers["retry-after"]) >= 1
    assert until(lambda: rows(door) == [])
    assert post(door).status_code == 201


def test_a_holder_that_lapsed_is_taken_over_and_its_clone_is_refused(door: Door) -> None:
    rest = b'\r\n--x\r\ncontent-disposition: form-data; name="name"\r\n\r\nAnna\r\n--x--\r\n'
    with half_a_request(door, "key-1") as old:
        assert until(lambda: len(rows(door)) == 1)
        age(door, lease_until=-1)
        assert post(door).status_code == 201
        old.sendall(bytes(100_000 - len(rest)) + rest)
        answer = b""
        while b"IDEMPOTENCY" not in answer and (data := old.recv(65_536)):
            answer += data
    assert answer.startswith(b"HTTP/1.1 409 ")
    assert b"IDEMPOTENCY_IN_FLIGHT" in answer
    assert clones_in(door) == 1
    assert len(door.objects()) == 1
    assert post(door).headers["idempotent-replayed"] == "true"


def test_the_lease_is_renewed_while_the_request_runs(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "RENEW_S", 0.05)
    with half_a_request(door, "key-1"):
        assert until(lambda: len(rows(door)) == 1)
        age(door, lease_until=1)
        begun = rows(door)[0].lease_until
        assert until(lambda: (rows(door)[0].lease_until - begun).total_seconds() > 10)


def test_a_commit_whose_outcome_is_unknown_leaves_the_key_and_the_retry_finds_the_answer(door: Door) -> None:
    connections = door.services.database.engine
    cut: list[bool] = []

    def lose_the_reply(connection: Any) -> None:
        """Let the creating transaction commit, then lose the connection before its reply is read."""
        held = connection.exec_driver_sql("SELECT count(*) FROM clones").scalar()
        if held and not cut:
            cut.append(True)
            connection.connection.dbapi_connection.commit()
            raise OperationalError("COMMIT", {}, ConnectionResetError())

    event.listen(connections, "commit", lose_the_reply)
    try:
        lost = post(door)
    finally:
        event.remove(connections, "commit", lose_the_reply)
    assert (lost.status_code, lost.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert len(rows(door)) == 1
    again = post(door)
    assert again.status_code == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert clones_in(door) == 1


def test_a_key_is_new_again_after_its_day(door: Door) -> None:
    post(door)
    age(door, expires_at=-1)
    assert sweep_idempotency_keys(door.services) == 1
    assert post(door, name="Berta").status_code == 201
    assert clones_in(door) == 2


def test_the_header_is_in_the_openapi_document(door: Door) -> None:
    parameters = door.client.get("/openapi.json").json()["paths"][CLONES]["post"]["parameters"]
    assert "Idempotency-Key" in [parameter["name"] for parameter in parameters]
