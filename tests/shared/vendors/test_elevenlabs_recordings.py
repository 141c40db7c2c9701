"""One recording of a professional clone: cut, heard, drawn, its speakers parted and chosen, taken away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import VendorProtocol, VendorRejected
from shared.vendors.elevenlabs_recordings import ProfessionalRecording
from tests.fakes.call import Reply
from tests.fakes.elevenlabs import FakeElevenLabs
from tests.fakes.elevenlabs_pvc import SPEAKER_SOUND
from tests.shared.vendors.eleven import MARKER, a_file, adapter, an_order


@pytest.fixture
def fake() -> Iterator[FakeElevenLabs]:
    vendor = FakeElevenLabs()
    with vendor.running():
        yield vendor


@pytest.fixture
def recording(fake: FakeElevenLabs, tmp_path: Path) -> ProfessionalRecording:
    vendor, order = adapter(fake), an_order(language="en")
    voice_id = vendor.submit("pvc", order, [], MARKER).voice_id
    vendor.complete("pvc", order, [a_file(tmp_path)], voice_id, MARKER)
    (sample,) = vendor.samples("pvc", voice_id)
    return vendor.professional.recording(voice_id, sample.sample_id)


def test_it_is_changed_in_what_is_given(fake: FakeElevenLabs, recording: ProfessionalRecording) -> None:
    recording.update(remove_background_noise=False, trim_start_ms=0, trim_end_ms=2500, file_name="take 2.flac")
    assert fake.calls[-1].json() == {
        "remove_background_noise": False, "trim_start_time": 0, "trim_end_time": 2500, "file_name": "take 2.flac",
    }  # fmt: skip
    (sample,) = fake.voices[recording.voice_id].samples
    assert (sample["trim_start"], sample["trim_end"], sample["file_name"]) == (0, 2500, "take 2.flac")


def test_its_first_half_minute_can_be_heard_as_it_is_and_cleaned(recording: ProfessionalRecording) -> None:
    sound = recording.sound()
    assert (sound.content_type, sound.data, sound.duration_s) == ("audio/mpeg", b"\xff\xfbas recorded", 30.0)
    assert recording.sound(remove_background_noise=True).data == b"\xff\xfbcleaned"


def test_an_answer_without_sound_is_none(
    fake: FakeElevenLabs, recording: ProfessionalRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    for body in ({}, {"audio_base_64": "not base64!"}, {"audio_base_64": None}):
        monkeypatch.setattr(fake, "reply", lambda _, body=body: (Reply(200, body), None))
        with pytest.raises(VendorProtocol):
            recording.sound()
        with pytest.raises(VendorProtocol):
            recording.waveform()


def test_its_waveform_is_drawn(recording: ProfessionalRecording) -> None:
    assert recording.waveform() == (0.1, 0.5, 0.2)


def test_its_speakers_are_parted_heard_and_chosen(fake: FakeElevenLabs, recording: ProfessionalRecording) -> None:
    assert recording.separation().status == "not_started"
    recording.separate_speakers()
    assert recording.separation().status == "pending"
    done = recording.separation()
    assert done.status == "completed"
    (speaker,) = done.speakers
    assert (speaker.speaker_id, speaker.duration_s, speaker.utterances_s) == ("speaker_0", 1.5, ((0.5, 2.0),))
    assert recording.speaker_sound("speaker_0").data == SPEAKER_SOUND
    recording.select_speakers(["speaker_0"])
    assert fake.calls[-1].json() == {"selected_speaker_ids": ["speaker_0"]}
    assert recording.separation().selected == ("speaker_0",)


def test_it_is_taken_away_and_that_twice_is_no_error(fake: FakeElevenLabs, recording: ProfessionalRecording) -> None:
    recording.delete()
    recording.delete()
    assert fake.voices[recording.voice_id].samples == []
    with pytest.raises(VendorRejected, match="sample"):
        recording.waveform()
