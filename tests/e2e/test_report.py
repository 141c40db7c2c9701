"""From two uploads to a report that says of every sent second where it came from."""

from pathlib import Path

import pytest
import soundfile

from tests.stack import CLEAN_SPEECH, running_stack


def test_the_sources_of_what_was_sent_add_up_to_it(tmp_path: Path) -> None:
    with running_stack() as stack:
        # Twice the same voice: another's is left out where this one suffices.
        softer = tmp_path / "softer.wav"
        sound, rate_hz = soundfile.read(CLEAN_SPEECH)
        soundfile.write(softer, sound * 0.7, rate_hz)
        files = [("files", (path.name, path.read_bytes())) for path in (CLEAN_SPEECH, softer)]
        created = stack.client.post("/voice-clones", data={"name": "Anna"}, files=files)
        assert created.status_code == 201, created.text
        voice_id = created.json()["data"]["voiceId"]
        stack.wait_for(voice_id, "ready")
        report = stack.client.get(f"/voice-clones/{voice_id}/report").json()["data"]
        recorded_s = {sample["sampleId"]: sample["before"]["duration_s"] for sample in report["samples"]}
        taken_from = {source["sampleId"] for file in report["sent"] for source in file["sources"]}
        assert taken_from == recorded_s.keys()
        for file in report["sent"]:
            at_s = 0.0
            for source in file["sources"]:
                assert source["atSeconds"] == pytest.approx(at_s, abs=0.01)
                assert 0 <= source["startSeconds"] < source["endSeconds"] <= recorded_s[source["sampleId"]] + 0.001
                at_s += source["endSeconds"] - source["startSeconds"]
            assert at_s == pytest.approx(file["durationSeconds"], abs=0.02)
            heard = tmp_path / f"{file['number']}.{file['container']}"
            heard.write_bytes(stack.client.get(f"{stack.url}{file['urls']['audio']}").content)
            assert soundfile.info(heard).duration == pytest.approx(file["durationSeconds"], abs=0.001)
            assert soundfile.info(heard).samplerate == file["rateHz"]
