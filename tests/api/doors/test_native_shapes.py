"""How a clone is written: what was found in its recordings stands beside it."""

from shared.db.models import Clone
from tests.api.doors.conftest import Door


def test_a_clone_without_warnings_says_so_with_an_empty_list(door: Door) -> None:
    created = door.create()
    assert created["warnings"] == []
    listed = door.client.get("/api/v2/voice-clones").json()["data"]["voiceClones"]
    assert listed[0]["warnings"] == []


def test_what_was_found_in_a_recording_reaches_whoever_polls(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    found = {"filename": "anna.flac", "sample_id": "smp_1", "warning": "truncated: 3.0 of 6.0 s"}
    with door.services.database.write() as session:
        session.get_one(Clone, voice_id).warnings = [found]
    polled = door.client.get(f"/api/v2/voice-clones/{voice_id}").json()["data"]
    assert polled["warnings"] == [{"filename": "anna.flac", "sampleId": "smp_1", "warning": "truncated: 3.0 of 6.0 s"}]
