"""A clone's history as server-sent events, over a database of each kind; the broker is absent, as it may be."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from shared import events
from shared.keys import MAIN_ACCOUNT
from shared.states import EventType
from tests.api.doors.conftest import Door, door, make_door
from tests.processes import until

__all__ = ["door", "make_door"]

SSE = {"accept": "text/event-stream"}
CLONES = "/api/v2/voice-clones"
WITHIN_S = 60.0


@contextmanager
def streaming(door: Door, voice_id: str, **headers: str) -> Iterator[httpx.Response]:
    with door.client.stream("GET", f"{CLONES}/{voice_id}/events", headers=SSE | headers, timeout=WITHIN_S) as answer:
        yield answer


def told(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Give each event of a stream as its fields."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        if not line:
            if "data" in fields:
                yield fields
            fields = {}


def write_line(door: Door, data: dict[str, Any], voice_id: str, kind: EventType = EventType.PROGRESS) -> None:
    with door.services.database.write() as session:
        job_id = clones_job(door, voice_id)
        events.append(session, clone_id=voice_id, account_id=MAIN_ACCOUNT, job_id=job_id, kind=kind, data=data)


def clones_job(door: Door, voice_id: str) -> str:
    job: str = door.client.get(f"{CLONES}/{voice_id}").json()["data"]["job"]["id"]
    return job


def cancel(door: Door, voice_id: str) -> None:
    assert door.client.post(f"{CLONES}/{voice_id}/cancel").status_code == 200


def page(door: Door, voice_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = door.client.get(f"{CLONES}/{voice_id}/events").json()["data"]["events"]
    return found


def test_a_stream_tells_what_was_and_what_comes_and_ends_with_the_end(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    with streaming(door, voice_id) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "content-length" not in answer.headers
        lines = answer.iter_lines()
        assert next(lines).startswith("retry: ")
        found = told(lines)
        assert next(found)["id"] == "1"
        write_line(door, {"note": "ä\nb\u2028c"}, voice_id)
        second = next(found)
        assert json.loads(second["data"])["data"] == {"note": "ä\nb\u2028c"}
        cancel(door, voice_id)
        rest = list(found)
    history = page(door, voice_id)
    assert [json.loads(second["data"]), *(json.loads(one["data"]) for one in rest)] == history[1:]
    assert [one["event"] for one in rest] == [line["type"] for line in history[2:]]
    assert rest[-1]["event"] == "voice_clone.failed"


@pytest.mark.parametrize("how", ["header", "after", "cursor"])
def test_who_comes_again_gets_what_they_do_not_have(door: Door, how: str) -> None:
    voice_id = door.create()["voiceId"]
    write_line(door, {}, voice_id)
    cancel(door, voice_id)
    headers, query = ({"last-event-id": "2"}, "") if how == "header" else ({}, f"?{how}=2")
    answer = door.client.get(f"{CLONES}/{voice_id}/events{query}", headers=SSE | headers)
    assert [one["id"] for one in told(iter(answer.text.splitlines()))] == [
        str(line["seq"]) for line in page(door, voice_id)[2:]
    ]


def test_where_nothing_can_come_browsers_are_told_to_stay_away(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    cancel(door, voice_id)
    last = str(page(door, voice_id)[-1]["seq"])
    for known in (last, "1000"):
        answer = door.client.get(f"{CLONES}/{voice_id}/events", headers=SSE | {"last-event-id": known})
        assert (answer.status_code, answer.content) == (204, b"")
    # Who has nothing is told everything, and that it is over.
    answer = door.client.get(f"{CLONES}/{voice_id}/events", headers=SSE)
    assert len(list(told(iter(answer.text.splitlines())))) == int(last)


def test_a_number_of_another_time_hides_nothing_that_comes(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    with streaming(door, voice_id, **{"last-event-id": "1000"}) as answer:
        lines = answer.iter_lines()
        next(lines)
        cancel(door, voice_id)
        assert [one["id"] for one in told(lines)] == ["2"]


def test_refusals_are_refusals_and_no_streams(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    path = f"{CLONES}/{voice_id}/events"
    for headers, where, status, code in (
        ({"authorization": "Bearer wrong"}, path, 401, "UNAUTHORIZED"),
        (door.new_key("voice:create"), path, 403, "MISSING_SCOPE"),
        (door.new_account(), path, 404, "VOICE_CLONE_NOT_FOUND"),
        ({}, f"{CLONES}/vc_none/events", 404, "VOICE_CLONE_NOT_FOUND"),
        ({"last-event-id": "x"}, path, 400, "INVALID_FIELD"),
        ({"last-event-id": "-1"}, path, 400, "INVALID_FIELD"),
    ):
        answer = door.client.get(where, headers=SSE | headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert door.client.head(path, headers=SSE).headers["content-type"].startswith("text/event-stream")


def test_a_clone_that_is_deleted_ends_its_streams(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    with streaming(door, voice_id) as answer:
        lines = answer.iter_lines()
        next(lines)
        assert door.client.delete(f"{CLONES}/{voice_id}").status_code == 200
        assert {one["id"] for one in told(lines)} == {"1"}


def test_a_key_and_a_process_hold_no_more_streams_than_they_may(make_door: Callable[..., Door]) -> None:
    door = make_door(max_streams=2, max_streams_per_key=1)
    voice_id = door.create()["voiceId"]
    path = f"{CLONES}/{voice_id}/events"
    other, third = door.new_key(), door.new_key()
    with streaming(door, voice_id) as mine, streaming(door, voice_id, **other) as theirs:
        next(mine.iter_lines())
        next(theirs.iter_lines())
        refused = door.client.get(path, headers=SSE)
        assert (refused.status_code, refused.json()["code"]) == (429, "STREAM_LIMIT_EXCEEDED")
        assert refused.headers["retry-after"]
        full = door.client.get(path, headers=SSE | third)
        assert (full.status_code, full.json()["code"]) == (503, "STREAMS_FULL")
        assert door.client.get(path).status_code == 200  # a page takes no place
    cancel(door, voice_id)

    def is_taken_again() -> bool:
        return door.client.get(path, headers=SSE).status_code == 200

    # Who left is noticed at the next thing that is said to them, which the end of the clone is.
    assert until(is_taken_again, WITHIN_S)


def test_many_streams_of_one_clone_all_end_with_everything(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    found: list[list[str]] = []

    def follow() -> None:
        answer = httpx.get(
            door.client.base_url.join(f"{CLONES}/{voice_id}/events"), headers=dict(door.client.headers) | SSE,
            timeout=WITHIN_S, trust_env=False,
        )  # fmt: skip
        found.append([one["id"] for one in told(iter(answer.text.splitlines()))])

    threads = [threading.Thread(target=follow) for _ in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        write_line(door, {}, voice_id)
    cancel(door, voice_id)
    for thread in threads:
        thread.join()
    assert found == [["1", "2", "3", "4", "5", "6", "7"]] * 10
