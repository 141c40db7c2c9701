"""A poll that waits, and the tag of a clone, over a database of each kind; the broker is absent, as it may be."""

import threading
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import update

from shared.db.models import Job
from shared.db.moment import db_now
from tests.api.doors.conftest import Door, door, make_door
from tests.processes import until

__all__ = ["door", "make_door"]

CLONES = "/api/v2/voice-clones"


class Waiting(threading.Thread):
    """A poll under way."""

    def __init__(self, door: Door, voice_id: str, **headers: str) -> None:
        super().__init__(daemon=True)
        self._door, self._path, self._headers = door, f"{CLONES}/{voice_id}?wait=60", headers
        self.answer: httpx.Response | None = None
        self.start()

    def run(self) -> None:
        self.answer = self._door.client.get(self._path, headers=self._headers, timeout=300)

    def told(self) -> httpx.Response:
        self.join(120)
        assert self.answer is not None
        return self.answer


def tag_of(door: Door, voice_id: str) -> str:
    return str(door.client.get(f"{CLONES}/{voice_id}").headers["etag"])


def rename(door: Door, voice_id: str, name: str) -> None:
    assert door.client.patch(f"{CLONES}/{voice_id}", json={"name": name}).status_code == 200


def watched(door: Door) -> bool:
    return until(lambda: door.watchers() > 0, 60)


def test_what_is_known_is_not_sent_again(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    first = door.client.get(f"{CLONES}/{voice_id}")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for known in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        again = door.client.get(f"{CLONES}/{voice_id}", headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert door.client.get(f"{CLONES}/{voice_id}", headers={"if-none-match": '"x"'}).status_code == 200
    rename(door, voice_id, "Berta")
    changed = door.client.get(f"{CLONES}/{voice_id}", headers={"if-none-match": tag})
    assert (changed.status_code, changed.json()["data"]["name"]) == (200, "Berta")
    assert changed.headers["etag"] != tag


def test_a_sign_of_life_is_no_change(door: Door) -> None:
    clone = door.create()
    tag = tag_of(door, clone["voiceId"])
    with door.services.database.write() as session:
        session.execute(update(Job).where(Job.id == clone["job"]["id"]).values(updated_at=db_now(5), eta_at=db_now(99)))
    assert tag_of(door, clone["voiceId"]) == tag


@pytest.mark.parametrize("is_tagged", [True, False])
def test_who_waits_is_told_when_it_changes(door: Door, is_tagged: bool) -> None:
    voice_id = door.create()["voiceId"]
    known = {"if-none-match": tag_of(door, voice_id)} if is_tagged else {}
    waiting = Waiting(door, voice_id, **known)
    assert watched(door)
    rename(door, voice_id, "Berta")
    answer = waiting.told()
    assert (answer.status_code, answer.json()["data"]["name"]) == (200, "Berta")
    assert until(lambda: door.watchers() == 0, 60)


def test_when_the_time_is_up_it_is_told_as_it_is(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    answer = door.client.get(f"{CLONES}/{voice_id}?wait=0.2")
    assert (answer.status_code, answer.json()["data"]["voiceId"]) == (200, voice_id)
    known = {"if-none-match": answer.headers["etag"]}
    assert door.client.get(f"{CLONES}/{voice_id}?wait=0.2", headers=known).status_code == 304


def test_where_there_is_nothing_to_wait_for_it_is_told_at_once(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    old = tag_of(door, voice_id)
    assert door.client.post(f"{CLONES}/{voice_id}/cancel").status_code == 200
    assert door.client.get(f"{CLONES}/{voice_id}?wait=60", timeout=30).json()["data"]["isTerminal"]
    answer = door.client.get(f"{CLONES}/{voice_id}?wait=60", headers={"if-none-match": old}, timeout=30)
    assert answer.status_code == 200


def test_a_clone_that_is_deleted_while_it_is_waited_for_is_not_found(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    waiting = Waiting(door, voice_id)
    assert watched(door)
    assert door.client.delete(f"{CLONES}/{voice_id}").status_code == 200
    answer = waiting.told()
    assert (answer.status_code, answer.json()["code"]) == (404, "VOICE_CLONE_NOT_FOUND")


def test_refusals_do_not_wait(make_door: Callable[..., Door]) -> None:
    door = make_door(max_streams_per_key=1)
    voice_id = door.create()["voiceId"]
    for said in ("x", "-1", "61", "nan"):
        answer = door.client.get(f"{CLONES}/{voice_id}?wait={said}")
        assert (answer.status_code, answer.json()["details"]) == (400, {"field": "wait"})
    assert door.client.get(f"{CLONES}/vc_none?wait=60").status_code == 404
    waiting = Waiting(door, voice_id)
    assert watched(door)
    refused = door.client.get(f"{CLONES}/{voice_id}?wait=60")
    assert (refused.status_code, refused.json()["code"]) == (429, "STREAM_LIMIT_EXCEEDED")
    rename(door, voice_id, "Berta")
    assert waiting.told().status_code == 200


def test_who_leaves_is_waited_for_no_longer(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    with pytest.raises(httpx.ReadTimeout):
        door.client.get(f"{CLONES}/{voice_id}?wait=60", timeout=0.5)
    assert until(lambda: door.watchers() == 0, 30)
