"""Every success of a running service is what its OpenAPI document shows, member for member."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.vendors.protocol import CloneOrder
from tests.e2e.recordings import silence_wav
from tests.processes import until
from tests.schemas import faults
from tests.stack import CLEAN_SPEECH, Stack, running_stack

CLONE = "/voice-clones/{voice_id}"
SAMPLE = "/voice-clones/{voice_id}/samples/{sample_id}"
SENT = "/voice-clones/{voice_id}/sent/{number}"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


class Witness:
    """Makes requests and holds each answer to the document; remembers which operations were seen."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.document: dict[str, Any] = httpx.get(f"{stack.url}/openapi.json", trust_env=False).json()
        self.seen: set[tuple[str, str]] = set()

    def check(self, method: str, path: str, answer: httpx.Response) -> Any:
        operation = self.document["paths"][f"/api/v2{path}"][method.lower()]
        schema = operation["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
        assert faults(answer.json(), schema, self.document, f"{method} {path}") == []
        self.seen.add((method.lower(), f"/api/v2{path}"))
        return answer.json().get("data")

    def ask(self, method: str, path: str, ids: dict[str, str], **request: Any) -> Any:
        return self.check(method, path, self._stack.client.request(method, path.format(**ids), **request))


def test_every_answer_is_what_the_document_shows(stack: Stack) -> None:
    witness = Witness(stack)
    witness.ask("GET", "/voice-clones", {})
    created = stack.upload(labels='{"a": [1, {"b": null}]}', language="en", odd="field")
    ids = {"voice_id": witness.check("POST", "/voice-clones", created)["voiceId"]}
    for path in (CLONE, f"{CLONE}/report", f"{CLONE}/samples", "/voice-clones"):
        witness.ask("GET", path, ids)
    assert stack.wait_for(ids["voice_id"], "ready")["isTerminal"]
    for path in (CLONE, f"{CLONE}/events", "/voice-clones", "/vendors"):
        witness.ask("GET", path, ids)
    report = witness.ask("GET", f"{CLONE}/report", ids)
    [sample], [sent] = report["samples"], report["sent"]
    assert sample["before"]
    assert sample["findings"]
    assert sent["recipe"]["cuts"]
    ids["number"] = sent["number"]
    witness.ask("GET", f"{SENT}/peaks", ids)
    [recording] = witness.ask("GET", f"{CLONE}/samples", ids)["samples"]
    assert recording["urls"]["audio"].keys() == {"original", "prepared"}
    ids["sample_id"] = recording["sampleId"]
    for version in ("original", "prepared"):
        witness.ask("GET", f"{SAMPLE}/peaks", ids, params={"version": version})
    witness.ask("PUT", CLONE, ids, json={"name": "Berta"})
    witness.ask("PATCH", CLONE, ids, json={"name": "Berta", "status": "failed"})
    recordings = [("files", ("a.flac", CLEAN_SPEECH.read_bytes())), ("files", ("b.wav", silence_wav()))]
    for files in (recordings, recordings[:1]):
        checked = witness.ask("POST", "/voice-clones/check", {}, files=files, data={"odd": "field"})
        assert bool(checked["sent"]) == (len(files) == 1)
    failed = witness.check("POST", "/voice-clones", stack.upload("fail_at_submit"))["voiceId"]
    assert stack.wait_for(failed, "failed")["errorCode"]
    for path in (CLONE, f"{CLONE}/events", "/voice-clones"):
        witness.ask("GET", path, {"voice_id": failed})
    _change_their_mind(stack, witness, failed)
    _change_the_voice(stack, witness, ids)
    witness.ask("DELETE", CLONE, ids)
    assert until(lambda: witness.ask("GET", f"{CLONE}/erasure", ids)["isComplete"], within_s=60)
    # A clone that waits for its person is followed in test_verification.py, webhooks in tests/api/doors.
    operations = {
        (method, path)
        for path, item in witness.document["paths"].items()
        for method in item
        if "/verification" not in path and "/webhook-" not in path
    }
    # The sound itself is no JSON; tests/api/test_download.py holds it to its bytes.
    assert operations - witness.seen == {("get", f"/api/v2{SAMPLE}/audio"), ("get", f"/api/v2{SENT}/audio")}


def _change_their_mind(stack: Stack, witness: Witness, failed: str) -> None:
    retried = witness.ask("POST", f"{CLONE}/retry", {"voice_id": failed})
    assert (retried["status"], retried["isCancelable"]) == ("processing", True)
    assert stack.wait_for(failed, "failed")["isRetryable"]
    slow = stack.create("Anna slow")
    stack.wait_for(slow, "track")
    canceled = witness.ask("POST", f"{CLONE}/cancel", {"voice_id": slow})
    assert (canceled["errorCode"], canceled["job"]["kind"], canceled["isTerminal"]) == ("CANCELED", "cancel", True)
    assert until(lambda: stack.get(slow)["job"]["outcome"] == "done", within_s=60)
    for path in (CLONE, f"{CLONE}/events"):
        witness.ask("GET", path, {"voice_id": slow})


def _change_the_voice(stack: Stack, witness: Witness, ids: dict[str, str]) -> None:
    more = [("files", ("more.flac", CLEAN_SPEECH.read_bytes()))]
    witness.ask("POST", f"{CLONE}/samples", ids, files=more)
    assert until(lambda: stack.get(ids["voice_id"])["job"]["outcome"] == "done", within_s=60)
    held = witness.ask("GET", f"{CLONE}/samples", ids)["vendorSamples"]
    assert len(held) == 2
    witness.ask("DELETE", SAMPLE, {**ids, "sample_id": held[0]["sampleId"]})
    assert until(lambda: stack.get(ids["voice_id"])["job"]["outcome"] == "done", within_s=60)
    voice_id = stack.sandbox().submit("default", CloneOrder("vc", "Old", None, None, None, {}, {}), [], "old").voice_id
    adopted = witness.ask("POST", "/voice-clones/adopt", {}, json={"vendor": "sandbox", "voiceId": voice_id, "odd": 1})
    assert (adopted["adopted"], adopted["ignoredFields"]) == (True, ["odd"])


def test_the_witness_sees_what_is_missing_undeclared_or_wrong(stack: Stack) -> None:
    document = Witness(stack).document
    schema = {"$ref": "#/components/schemas/Answer_Clone_"}
    answer = {"success": True, "data": stack.get(stack.create())}
    assert faults(answer, schema, document) == []
    for wrong in ({"odd": 1}, {"seq": "1"}, {"seq": None}, {"status": "done"}, {"job": {}}, {"training_progress": 101}):
        assert faults({**answer, "data": {**answer["data"], **wrong}}, schema, document), wrong
    assert faults({"success": False, "data": answer["data"]}, schema, document)
