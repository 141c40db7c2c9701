"""Files for the vendor through the native door: heard, drawn, and nobody else's."""

import pytest
from sqlalchemy import update

from shared.db.models import Clone, PreparedFile
from tests.api.doors.conftest import SPEECH, Door
from tests.api.doors.made import PREPARED, prepare

CLONES = "/api/v2/voice-clones"


@pytest.fixture
def sent(door: Door) -> str:
    """Return the path of a clone's files; it has one, number 1."""
    voice_id = door.post(("anna.flac", SPEECH), name="Anna").json()["data"]["voiceId"]
    prepare(door.services, voice_id, 1, {"smp_a": 2.0})
    return f"{CLONES}/{voice_id}/sent"


def test_a_file_is_an_attachment_named_after_the_clone(door: Door, sent: str) -> None:
    answer = door.client.get(f"{sent}/1/audio")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PREPARED, "audio/flac")
    voice_id = sent.split("/")[-2]
    assert f'filename="{voice_id}-1.flac"' in answer.headers["content-disposition"]


def test_a_range_of_a_file_is_206(door: Door, sent: str) -> None:
    answer = door.client.get(f"{sent}/1/audio", headers={"range": "bytes=4-7"})
    assert (answer.status_code, answer.content) == (206, PREPARED[4:8])


def test_the_waveform_of_a_file_is_there_to_draw(door: Door, sent: str) -> None:
    assert door.client.get(f"{sent}/1/peaks").json()["data"] == {"number": 1, "peaks": [[-2, 2]]}


def test_a_waveform_that_was_not_kept_is_404(door: Door, sent: str) -> None:
    with door.services.database.write() as session:
        session.execute(update(PreparedFile).values(peaks=None))
    assert door.client.get(f"{sent}/1/peaks").json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize("tail", ["audio", "peaks"])
def test_a_file_that_is_not_there_is_404_and_names_the_report(door: Door, sent: str, tail: str) -> None:
    answer = door.client.get(f"{sent}/2/{tail}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert "report" in answer.json()["message"]
    for number in ("0", "-1", "x", str(2**31)):
        assert door.client.get(f"{sent}/{number}/{tail}").status_code == 400


@pytest.mark.parametrize("tail", ["audio", "peaks"])
def test_of_a_clone_that_failed_before_anything_was_made_that_is_said(door: Door, tail: str) -> None:
    voice_id = door.create()["voiceId"]
    with door.services.database.write() as session:
        session.execute(update(Clone).values(status="failed", error_code="NO_SPEECH", error_message="No speech."))
    answer = door.client.get(f"{CLONES}/{voice_id}/sent/1/{tail}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert "The clone failed, and nothing was made" in answer.json()["message"]


@pytest.mark.parametrize("tail", ["audio", "peaks"])
def test_files_are_for_their_account_and_for_readers(door: Door, sent: str, tail: str) -> None:
    path, stranger, creator = f"{sent}/1/{tail}", door.new_account(), door.new_key("voice:create")
    assert door.client.get(path, headers=stranger).status_code == 404
    assert door.client.get(path, headers=creator).json()["details"]["required"] == "voice:read"
    assert door.client.get(path, headers={"authorization": ""}).status_code == 401
