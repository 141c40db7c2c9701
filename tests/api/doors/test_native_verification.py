"""A clone that waits for its person: what the door shows of it, what is handed in, and the job that goes on."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from shared.db.models import Job
from shared.db.moment import db_now
from shared.keys import Scope
from shared.states import Stage, Status, WaitingFor
from tests.api.doors.conftest import SPEECH, Door
from tests.fakes.elevenlabs import KEY, FakeElevenLabs
from tests.fakes.elevenlabs_pvc import CAPTCHA
from tests.worker.conftest import Workshop, make_workshop
from worker.run import work
from worker.stages.track import VERIFICATION_S

__all__ = ["make_workshop"]  # a fixture that lives beside what it opens

MIB = 1024 * 1024


@dataclass
class Scene:
    """A door and a workshop over one database, and the vendor that both speak to."""

    door: Door
    shop: Workshop
    fake: FakeElevenLabs
    clone_id: str
    job_id: str

    @property
    def path(self) -> str:
        return f"/api/v2/voice-clones/{self.clone_id}/verification"

    def shown(self) -> dict[str, Any]:
        answer = self.door.client.get(self.path)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def clone(self) -> dict[str, Any]:
        data: dict[str, Any] = self.door.client.get(f"/api/v2/voice-clones/{self.clone_id}").json()["data"]
        return data

    def hand_in(self, data: bytes = SPEECH, **how: Any) -> httpx.Response:
        files = how.pop("files", {"recording": ("me.flac", data)})
        return self.door.client.post(self.path, files=files, **how)

    def proofs_left(self) -> list[str]:
        return [path.name for path in self.door.services.settings.data_dir.rglob("proof-*")]


@pytest.fixture
def make_scene(
    make_door: Callable[..., Door], make_workshop: Callable[..., Workshop]
) -> Iterator[Callable[..., Scene]]:
    fake = FakeElevenLabs()

    def make(engine: str) -> Scene:
        settings = {"elevenlabs_api_key": KEY, "elevenlabs_base_url": fake.url}
        door = make_door(**settings)
        shop = make_workshop(database_url=door.services.settings.database_url, **settings)
        clone_id, job_id = shop.order(
            at=Stage.SUBMIT, vendor="elevenlabs", engine=engine, language="en", prepared=SPEECH, prepared_s=13.0
        )
        fake.requires_verification = True
        shop.work(job_id)
        assert shop.job(job_id).waiting_for is WaitingFor.VERIFICATION
        return Scene(door, shop, fake, clone_id, job_id)

    with fake.running():
        yield make


@pytest.fixture
def scene(make_scene: Callable[..., Scene]) -> Scene:
    return make_scene("pvc")


def test_what_is_to_be_done_is_shown(scene: Scene) -> None:
    clone = scene.clone()
    assert (clone["stage"], clone["waitingFor"]) == ("track", "verification")
    assert clone["etaSeconds"] is None, "nobody knows when a person acts"
    assert clone["vendorVoiceId"] in scene.fake.voices, "who proves it at the vendor must know which voice it is"
    shown = scene.shown()
    assert shown["required"] is True
    assert "aloud" in shown["instructions"]
    assert shown["captcha"] == "data:image/png;base64," + base64.b64encode(CAPTCHA).decode()
    assert (shown["attemptsLeft"], shown["failures"], shown["manualRequested"]) == (5, [], False)
    assert shown["resetsAt"].startswith("2030-")
    picture = scene.door.client.get(shown["captchaUrl"])
    assert (picture.headers["content-type"], picture.content) == ("image/png", CAPTCHA)
    assert picture.headers["cache-control"] == "no-store"


def test_a_recording_is_handed_on_and_the_clone_goes_on_by_itself(scene: Scene) -> None:
    answer = scene.hand_in()
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["voiceId"] == scene.clone_id
    sent = next(call for call in scene.fake.calls if call.method == "POST" and call.path.endswith("/captcha"))
    assert [(u.field, u.filename, u.content_type, u.body) for u in sent.uploads] == [
        ("recording", "recording-1.flac", "audio/flac", SPEECH)
    ]
    assert scene.proofs_left() == []
    work(scene.shop.bench, scene.job_id)  # it is due now and not in a minute
    assert scene.clone()["waitingFor"] == "vendor"
    for _ in range(4):
        scene.shop.work(scene.job_id)
    assert (scene.clone()["status"], scene.clone()["vendorVoiceId"]) == ("ready", scene.fake.ledger()[0])


def test_a_recording_that_is_not_accepted_costs_an_attempt_and_says_why(scene: Scene) -> None:
    scene.fake.desk.refuses_recordings = True
    answer = scene.hand_in()
    assert (answer.status_code, answer.json()["code"]) == (422, "VERIFICATION_REJECTED")
    assert "does not match the captcha" in answer.json()["message"]
    assert "ask anew" not in answer.json()["message"]
    assert scene.clone()["waitingFor"] == "verification"
    shown = scene.shown()
    assert shown["attemptsLeft"] == 4
    assert "seven gray foxes" in shown["failures"][0]
    for _ in range(4):
        scene.hand_in()
    spent = scene.shown()
    assert (spent["attemptsLeft"], spent["captcha"], spent["captchaUrl"]) == (0, None, None)
    assert "verification/manual" in spent["instructions"]
    assert scene.door.client.get(f"{scene.path}/captcha").status_code == 404


def test_documents_are_handed_to_a_person_at_the_vendor(scene: Scene) -> None:
    files = [("files", ("passport of Anna.PDF", b"%PDF-1.7")), ("files", ("face.jpg", b"\xff\xd8\xff"))]
    answer = scene.door.client.post(f"{scene.path}/manual", files=files, data={"extra_text": "This is me."})
    assert answer.status_code == 200, answer.text
    sent = next(call for call in scene.fake.calls if call.path.endswith("/verification"))
    assert [(upload.filename, upload.content_type) for upload in sent.uploads] == [
        ("files-1.pdf", "application/pdf"), ("files-2.jpg", "image/jpeg"),
    ]  # fmt: skip
    assert sent.text("extra_text") == "This is me."
    shown = scene.shown()
    assert (shown["required"], shown["manualRequested"]) == (True, True)
    assert scene.proofs_left() == []


def test_a_clone_that_waits_for_nobody_says_so(scene: Scene) -> None:
    scene.fake.desk.let_everybody_verify()
    scene.shop.work(scene.job_id)
    for answer in (
        scene.door.client.get(scene.path),
        scene.door.client.get(f"{scene.path}/captcha"),
        scene.hand_in(),
        scene.door.client.post(f"{scene.path}/manual", files={"files": ("a.pdf", b"%PDF")}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "VERIFICATION_NOT_REQUIRED")


def test_an_instant_clone_is_sent_to_the_vendors_own_pages_and_followed(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene("ivc")
    shown = scene.shown()
    assert (shown["required"], shown["captcha"], shown["attemptsLeft"]) == (True, None, None)
    assert "elevenlabs.io" in shown["instructions"]
    refused = scene.hand_in()
    assert (refused.status_code, refused.json()["code"]) == (422, "VERIFICATION_REJECTED")
    assert "elevenlabs.io" in refused.json()["message"]
    (voice,) = scene.fake.voices.values()
    voice.is_verified = True
    scene.shop.work(scene.job_id)
    assert scene.clone()["status"] == "ready"
    assert any("elevenlabs.io" in note for note in scene.clone()["notes"])


def test_an_adopted_voice_that_nobody_proved_waits_and_is_ready_by_itself(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene("ivc")
    other = scene.fake.make("Old", requires_verification=True)
    body = {"vendor": "elevenlabs", "voiceId": other.id}
    adopted = scene.door.client.post("/api/v2/voice-clones/adopt", json=body).json()["data"]
    assert (adopted["status"], adopted["waitingFor"]) == ("processing", "verification")
    assert (adopted["adopted"], adopted["vendorVoiceId"]) == (True, other.id)
    other.is_verified = True
    scene.shop.work(adopted["job"]["id"])
    assert scene.shop.view(adopted["voiceId"]).status is Status.READY


def test_nobody_elses_clone_is_shown_or_proved(scene: Scene) -> None:
    stranger = scene.door.new_account()
    for answer in (scene.door.client.get(scene.path, headers=stranger), scene.hand_in(headers=stranger)):
        assert (answer.status_code, answer.json()["code"]) == (404, "VOICE_CLONE_NOT_FOUND")
    reader = scene.door.new_key(Scope.READ)
    assert scene.door.client.get(scene.path, headers=reader).status_code == 200
    assert scene.hand_in(headers=reader).json()["code"] == "MISSING_SCOPE"
    creator = scene.door.new_key(Scope.CREATE)
    assert scene.door.client.get(scene.path, headers=creator).json()["code"] == "MISSING_SCOPE"


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ({"other": ("me.flac", SPEECH)}, 400, "INVALID_FIELD"),
        ({"recording": (None, "text")}, 400, "INVALID_FIELD"),
        ({"extra": (None, "text")}, 400, "MISSING_FIELD"),
        ({"recording": ("me.flac", b"")}, 400, "EMPTY_FILE"),
        ({"recording": ("me.flac", b"<html>" * 99)}, 400, "INVALID_FILE_FORMAT"),
        ({"recording": ("me.flac", SPEECH + bytes(10 * MIB))}, 413, "FILE_TOO_LARGE"),
        ([("recording", ("a.flac", SPEECH)), ("recording", ("b.flac", SPEECH))], 400, "TOO_MANY_FILES"),
    ],
)
def test_what_cannot_be_handed_in_never_reaches_the_vendor(scene: Scene, files: Any, status: int, code: str) -> None:
    answer = scene.hand_in(files=files)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not [call for call in scene.fake.calls if call.method == "POST" and call.path.endswith("/captcha")]
    assert scene.proofs_left() == []


def test_text_beside_documents_has_a_length(scene: Scene) -> None:
    for length in (2001, 20_000):
        answer = scene.door.client.post(
            f"{scene.path}/manual", files={"files": ("a.pdf", b"%PDF")}, data={"extra_text": "x" * length}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELD")


def test_a_clone_whose_person_never_came_fails_after_thirty_days(scene: Scene) -> None:
    def age(by_s: float) -> None:
        with scene.shop.database.write() as session:
            session.execute(update(Job).values(stage_started_at=db_now(-by_s)))
        scene.shop.work(scene.job_id)

    age(VERIFICATION_S - 3600)
    assert scene.clone()["waitingFor"] == "verification"
    age(VERIFICATION_S + 60)
    assert scene.shop.view(scene.clone_id).status is Status.FAILED
    assert scene.clone()["errorCode"] == "VERIFICATION_OVERDUE"
    assert scene.door.client.get(scene.path).json()["code"] == "VERIFICATION_NOT_REQUIRED"
