"""A professional clone, the whole way through a running service: recordings, a person's proof, training, ready."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.e2e.test_answers import CLONE, Witness
from tests.fakes.elevenlabs import KEY, FakeElevenLabs
from tests.processes import until
from tests.stack import CLEAN_SPEECH, Stack, running_stack

VERIFICATION = f"{CLONE}/verification"
MINUTES = 36  # more than the half hour that such a clone wants; a file of it has at most that


@pytest.fixture
def fake() -> Iterator[FakeElevenLabs]:
    vendor = FakeElevenLabs()
    with vendor.running():
        yield vendor


@pytest.fixture
def stack(fake: FakeElevenLabs) -> Iterator[Stack]:
    settings = {
        "elevenlabs_api_key": KEY,
        "elevenlabs_base_url": fake.url,
        "vendor_time_scale": 0.02,
        "max_file_mb": 200,
    }
    with running_stack(**settings) as running:
        yield running


def long_speech(folder: Path) -> Path:
    """The same sentences, again and again."""
    sentences, rate_hz = soundfile.read(CLEAN_SPEECH, dtype="float32")
    path = folder / "long.flac"
    with soundfile.SoundFile(path, "w", rate_hz, 1, subtype="PCM_16") as target:
        for number in range(int(MINUTES * 60 * rate_hz / len(sentences))):
            target.write(sentences * np.float32(0.7 + 0.01 * (number % 30)))
    return path


def test_a_person_proves_the_voice_and_the_clone_goes_on_by_itself(
    stack: Stack, fake: FakeElevenLabs, tmp_path: Path
) -> None:
    witness = Witness(stack)
    created = stack.upload(file=long_speech(tmp_path), vendor="elevenlabs", engine="pvc", language="en")
    ids = {"voice_id": witness.check("POST", "/voice-clones", created)["voiceId"]}
    assert until(lambda: stack.get(ids["voice_id"])["waitingFor"] == "verification", within_s=240), stack.log()
    [voice] = fake.voices.values()
    assert len(voice.samples) == 2
    assert sum(sample["duration_secs"] for sample in voice.samples) > 1800
    assert {sample["remove_background_noise"] for sample in voice.samples} == {False}

    shown = witness.ask("GET", VERIFICATION, ids)
    assert shown["captcha"].startswith("data:image/png")
    picture = stack.client.get(f"/voice-clones/{ids['voice_id']}/verification/captcha")
    assert picture.headers["content-type"] == "image/png"
    documents = {"files": ("passport.pdf", b"%PDF-1.7")}
    witness.ask("POST", f"{VERIFICATION}/manual", ids, files=documents, data={"extra_text": "It is me."})
    assert witness.ask("GET", VERIFICATION, ids)["manualRequested"] is True
    recording = {"recording": ("me.flac", CLEAN_SPEECH.read_bytes())}
    witness.ask("POST", VERIFICATION, ids, files=recording)

    ready = stack.wait_for(ids["voice_id"], "ready", "failed")
    assert (ready["status"], ready["errorCode"]) == ("ready", None)
    assert fake.ledger() == (ready["vendorVoiceId"],)
    assert voice.tuning is not None
    assert voice.tuning.trainings == 1
    kinds = [line["data"].get("reason") for line in witness.ask("GET", f"{CLONE}/events", ids)["events"]]
    assert any("aloud" in reason for reason in kinds if reason)
