"""The report: what was measured of each recording, what was made of them, and nothing that is not declared."""

from typing import Any

import pytest
from sqlalchemy import select, update

from api.doors.native_report import inspection_report
from api.doors.native_report_answers import FindingOf, Inspected, Measured, NoteOf, RecipeOf, Report
from shared.db.models import Sample
from tests.api.doors.conftest import SPEECH, Door
from tests.api.doors.made import measures, preparation, prepare
from worker.audio.measure.downmix import Mix
from worker.audio.measure.inspection import Inspection
from worker.audio.measure.measures import Measures

CLONES = "/api/v2/voice-clones"


def an_inspection(**known: Any) -> dict[str, Any]:
    found = Measures.from_json(measures(**known))
    warnings = ("truncated: a little",)
    return Inspection(
        "wav", "pcm_s16le", 48_000, 2, 2.0, None, Mix(None, 0.0), found, found.findings(), warnings
    ).to_json()


@pytest.fixture
def voice_id(door: Door) -> str:
    """A clone of two recordings, of which nothing is known yet."""
    answer = door.post(("anna.flac", SPEECH), ("otto.flac", SPEECH + b"other"), name="Anna")
    return str(answer.json()["data"]["voiceId"])


def report(door: Door, voice_id: str) -> dict[str, Any]:
    data: dict[str, Any] = door.client.get(f"{CLONES}/{voice_id}/report").json()["data"]
    return data


def test_before_validate_nothing_is_known(door: Door, voice_id: str) -> None:
    data = report(door, voice_id)
    assert [sample["filename"] for sample in data["samples"]] == ["anna.flac", "otto.flac"]
    for sample in data["samples"]:
        assert (sample["verdict"], sample["before"], sample["findings"], sample["warnings"]) == (None, None, [], [])
    assert data["sent"] == []


def test_every_finding_is_told_with_its_limits_and_the_gravest_is_the_verdict(door: Door, voice_id: str) -> None:
    with door.services.database.write() as session:
        ids = session.scalars(select(Sample.id).order_by(Sample.position)).all()
        session.execute(update(Sample).where(Sample.id == ids[0]).values(inspection=an_inspection(snr_db=12.0)))
        session.execute(update(Sample).where(Sample.id == ids[1]).values(inspection=an_inspection(snr_db=31.0)))
    noisy, clean = report(door, voice_id)["samples"]
    assert (noisy["verdict"], clean["verdict"]) == ("warn", "ok")
    [snr] = [finding for finding in noisy["findings"] if finding["name"] == "snr"]
    assert (snr["value"], snr["unit"], snr["warn"], snr["refuse"], snr["verdict"]) == (12.0, "dB", 20.0, 9.2, "warn")
    assert "quieter room" in snr["advice"]
    assert noisy["warnings"] == ["truncated: a little"]
    assert noisy["before"]["measures"]["snr_db"] == 12.0
    assert noisy["before"].keys() == Inspected.model_fields.keys()


def test_each_sent_second_is_told_where_it_came_from(door: Door, voice_id: str) -> None:
    prepare(door.services, voice_id, 1, {"smp_a": 2.0, "smp_b": 1.25})
    prepare(door.services, voice_id, 2, {"smp_b": 3.0})
    first, second = report(door, voice_id)["sent"]
    assert first["sources"] == [
        {"sampleId": "smp_a", "startSeconds": 1.0, "endSeconds": 3.0, "atSeconds": 0.0},
        {"sampleId": "smp_b", "startSeconds": 1.0, "endSeconds": 2.25, "atSeconds": 2.0},
    ]
    assert (first["number"], first["durationSeconds"], second["durationSeconds"]) == (1, 3.25, 3.0)
    assert [note["sampleId"] for note in first["notes"]] == ["smp_a", "smp_b"]
    for url in (*first["urls"].values(), *second["urls"].values()):
        assert door.client.get(url).status_code == 200


def test_what_is_declared_is_what_the_sound_room_writes() -> None:
    made = preparation({"smp_a": 1.0})
    assert Measured.model_fields.keys() == set(Measures.__slots__)
    assert FindingOf.model_fields.keys() == an_inspection()["findings"][0].keys()
    assert RecipeOf.model_fields.keys() == made["recipe"].keys()
    assert {field.alias or name for name, field in NoteOf.model_fields.items()} == {"sampleId", *made["notes"][0]} - {
        "source"
    }
    assert Report.model_fields.keys() == {"voice_id", "samples", "sent"}


def test_what_an_earlier_version_measured_has_no_verdict() -> None:
    assert inspection_report(an_inspection() | {"findings": []})["verdict"] is None
