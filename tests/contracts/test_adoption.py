"""Bland's Add Voice Sample, end to end: adopt, add, take away, erase; over the door, the worker and the wire."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shared.db.models import Erasure
from shared.doorbell import Doorbell
from shared.states import Queue
from tests.api.doors.conftest import Door, make_door
from tests.fakes.acts import Act, Manner, Moment
from tests.fakes.bland import KEY, FakeBland
from tests.stack import CLEAN_SPEECH
from worker.bench import Bench
from worker.run import work

__all__ = ["make_door"]  # a fixture that lives beside what it opens

CLONES = "/api/v2/voice-clones"
SPEECH = CLEAN_SPEECH.read_bytes()


@dataclass
class Shop:
    """A door, a worker without a broker, and Bland."""

    door: Door
    bench: Bench
    bland: FakeBland

    def adopt(self, voice_id: str, **more: str) -> httpx.Response:
        body = {"vendor": "bland", "voiceId": voice_id, **more}
        return self.door.client.post(f"{CLONES}/adopt", json=body)

    def adopted(self, samples: int, service: str = "BTTS") -> str:
        answer = self.adopt(self.bland.have("Old voice", service, samples))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["voiceId"])

    def add(self, clone_id: str, *files: bytes, **headers: str) -> httpx.Response:
        parts = [("files", (f"more-{number}.flac", body)) for number, body in enumerate(files)]
        return self.door.client.post(f"{CLONES}/{clone_id}/samples", files=parts, headers=headers)

    def get(self, path: str) -> dict[str, Any]:
        answer = self.door.client.get(f"{CLONES}/{path}")
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def run(self, clone_id: str, most_s: float = 60.0) -> dict[str, Any]:
        """Do what is due of the clone's job until it has ended."""
        ends_at_s = time.monotonic() + most_s
        while (clone := self.get(clone_id))["job"]["outcome"] is None:
            assert time.monotonic() < ends_at_s, clone
            work(self.bench, clone["job"]["id"])
            time.sleep(0.02)
        return clone


@pytest.fixture
def shop(make_door: Callable[..., Door]) -> Iterator[Shop]:
    fake = FakeBland()
    with fake.running():
        door = make_door(bland_api_key=KEY, bland_base_url=fake.url, vendor_time_scale=0.01)
        bell = Doorbell("redis+socket:///nobody/listens.sock")
        bench = Bench.open(door.services, frozenset(Queue), bell)
        yield Shop(door, bench, fake)
        bench.decoder.close()


def test_an_adopted_voice_is_a_ready_clone_with_the_samples_that_its_vendor_lists(shop: Shop) -> None:
    voice_id = shop.bland.have("Old voice", samples=2)
    answer = shop.adopt(voice_id, engine="btts_v1", name="Anna")
    clone = answer.json()["data"]
    assert (answer.status_code, clone["status"], clone["name"], clone["adopted"]) == (201, "ready", "Anna", True)
    assert (clone["engine"], clone["vendorVoiceId"], clone["isTerminal"]) == ("btts_v1", voice_id, True)
    listed = shop.get(f"{clone['voiceId']}/samples")["vendorSamples"]
    assert [sample["durationSeconds"] for sample in listed] == [10.0, 10.0]
    assert listed[0]["detail"]["voice_id"] == voice_id


def test_what_cannot_be_adopted_is_refused_with_why(shop: Shop) -> None:
    unknown = shop.adopt("7c6a2f50-0000-4000-8000-000000000000")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "VENDOR_VOICE_NOT_FOUND")
    of_v3 = shop.adopt(shop.bland.have("New voice", "BTTS_V3"), engine="btts_v1")
    assert (of_v3.status_code, of_v3.json()["details"]["found"]) == (400, "btts_v3")
    voice_id = shop.bland.have("Old voice")
    assert shop.adopt(voice_id).status_code == 201
    again = shop.adopt(voice_id)
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_ADOPTED")
    nameless = shop.door.client.post(f"{CLONES}/adopt", json={"vendor": "bland"})
    assert (nameless.status_code, nameless.json()["details"]["field"]) == (400, "voiceId")


def test_an_adoption_is_repeated_under_its_key(shop: Shop) -> None:
    body = {"vendor": "bland", "voiceId": shop.bland.have("Old voice")}
    first, second = (
        shop.door.client.post(f"{CLONES}/adopt", json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2)
    )
    assert (second.status_code, second.headers["idempotent-replayed"]) == (201, "true")
    assert first.json() == second.json()


def test_a_voice_takes_samples_up_to_its_vendors_ceiling(shop: Shop) -> None:
    clone_id = shop.adopted(samples=4)
    taken = shop.add(clone_id, SPEECH)
    assert (taken.status_code, taken.json()["data"]["status"]) == (201, "ready")
    clone = shop.run(clone_id)
    assert (clone["status"], clone["job"]["kind"], clone["job"]["outcome"]) == ("ready", "extend", "done")
    (voice,) = shop.bland.voices.values()
    assert len(voice.samples) == 5
    assert len(shop.get(f"{clone_id}/samples")["vendorSamples"]) == 5
    full = shop.add(clone_id, SPEECH)
    details = full.json()["details"]
    assert (full.status_code, full.json()["code"]) == (400, "SAMPLE_LIMIT_EXCEEDED")
    assert (details["current_count"], details["adding"], details["max_allowed"]) == (5, 1, 5)
    assert "Cannot add 1 sample(s): the voice has 5" in full.json()["message"]


def test_the_newer_engines_refuse_samples_before_any_call(shop: Shop) -> None:
    clone_id = shop.adopted(samples=0, service="BTTS_V3")
    asked = len(shop.bland.calls)
    refused = shop.add(clone_id, SPEECH)
    assert (refused.status_code, refused.json()["code"]) == (409, "EXTENSION_UNSUPPORTED")
    assert len(shop.bland.calls) == asked


LOST = [Act(Manner.DROP, when) for when in Moment] + [Act(Manner.ANSWER, Moment.AFTER, 500, {}), Act(Manner.HANG)]


@pytest.mark.parametrize("act", LOST, ids=lambda act: f"{act.manner.value}-{act.when.name.lower()}")
def test_a_lost_answer_adds_no_sample_twice(shop: Shop, act: Act) -> None:
    clone_id = shop.adopted(samples=1)
    shop.bland.misbehave(act)
    shop.add(clone_id, SPEECH)
    assert shop.run(clone_id)["job"]["outcome"] == "done"
    (voice,) = shop.bland.voices.values()
    assert len(voice.samples) == 2


def test_an_addition_that_fails_leaves_the_voice_as_it_was(shop: Shop) -> None:
    clone_id = shop.adopted(samples=1)
    shop.bland.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 400, {"errors": [{"error": "x", "message": "No."}]}))
    shop.add(clone_id, SPEECH)
    clone = shop.run(clone_id)
    assert (clone["status"], clone["job"]["outcome"], clone["error_message"]) == ("ready", "failed", None)
    assert clone["lastError"]["code"] == "VENDOR_REJECTED"
    assert shop.get(f"{clone_id}/samples")["samples"] == []


def test_one_change_at_a_time(shop: Shop) -> None:
    clone_id = shop.adopted(samples=1)
    assert shop.add(clone_id, SPEECH).status_code == 201
    busy = shop.add(clone_id, SPEECH)
    assert (busy.status_code, busy.json()["code"]) == (409, "VOICE_CLONE_BUSY")
    assert shop.run(clone_id)["job"]["outcome"] == "done"


def test_an_addition_is_repeated_under_its_key(shop: Shop) -> None:
    clone_id = shop.adopted(samples=1)
    shop.add(clone_id, SPEECH, **{"Idempotency-Key": "k"})
    shop.run(clone_id)
    again = shop.add(clone_id, SPEECH, **{"Idempotency-Key": "k"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    (voice,) = shop.bland.voices.values()
    assert len(voice.samples) == 2


def test_a_sample_is_taken_away(shop: Shop) -> None:
    clone_id = shop.adopted(samples=2)
    first, second = (sample["sampleId"] for sample in shop.get(f"{clone_id}/samples")["vendorSamples"])
    gone = shop.door.client.delete(f"{CLONES}/{clone_id}/samples/{first}")
    assert gone.status_code == 202
    assert shop.run(clone_id)["job"]["outcome"] == "done"
    assert [sample["sampleId"] for sample in shop.get(f"{clone_id}/samples")["vendorSamples"]] == [second]
    (voice,) = shop.bland.voices.values()
    assert len(voice.samples) == 1
    assert shop.door.client.delete(f"{CLONES}/{clone_id}/samples/{first}").status_code == 404


def test_an_adopted_voice_is_erased_with_proof(shop: Shop) -> None:
    clone_id = shop.adopted(samples=1)
    shop.door.client.delete(f"{CLONES}/{clone_id}")
    (voice_id,) = shop.bland.voices
    before = shop.get(f"{clone_id}/erasure")
    assert (before["isComplete"], before["voices"]) == (False, [])
    with shop.door.services.database.read() as session:
        job_id = session.get_one(Erasure, clone_id).job_id
    work(shop.bench, job_id)
    proof = shop.get(f"{clone_id}/erasure")
    assert (proof["isComplete"], shop.bland.ledger()) == (True, ())
    assert [(voice["voiceId"], voice["outcome"]) for voice in proof["voices"]] == [(voice_id, "deleted")]
    foreign = shop.door.client.get(f"{CLONES}/{clone_id}/erasure", headers=shop.door.new_account())
    assert foreign.status_code == 404
