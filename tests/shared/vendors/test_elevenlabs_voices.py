"""Voices that exist at ElevenLabs: looked up to be adopted, and changed sample by sample."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import VendorVoiceNotFound
from tests.fakes.elevenlabs import FakeElevenLabs
from tests.fakes.elevenlabs_pvc import MODEL, Tuning
from tests.shared.vendors.eleven import MARKER, a_file, adapter, an_order


@pytest.fixture
def fake() -> Iterator[FakeElevenLabs]:
    vendor = FakeElevenLabs()
    with vendor.running():
        yield vendor


@pytest.mark.parametrize(("category", "engine"), [("cloned", "ivc"), ("professional", "pvc")])
def test_a_voice_is_looked_up_with_all_that_is_said_of_its_samples(
    fake: FakeElevenLabs, tmp_path: Path, category: str, engine: str
) -> None:
    vendor = adapter(fake)
    made = vendor.submit("ivc", an_order(description="calm"), [a_file(tmp_path)], MARKER)
    voice = fake.voices[made.voice_id]
    voice.category = category
    if category == "professional":
        voice.tuning = Tuning("en", states={MODEL: "fine_tuned"})
    found = vendor.look_up(made.voice_id)
    assert (found.engine, found.name, found.description) == (engine, "Anna", "calm")
    assert found.samples is not None
    (sample,) = found.samples
    assert (sample.filename, sample.duration_s) == ("word-1.flac", 1.0)
    assert sample.size_bytes == a_file(tmp_path).path.stat().st_size
    assert set(sample.detail) == {
        "sample_id", "file_name", "mime_type", "size_bytes", "hash", "duration_secs", "remove_background_noise",
        "has_isolated_audio", "has_isolated_audio_preview", "speaker_separation", "trim_start", "trim_end",
    }  # fmt: skip


def test_a_voice_that_nobody_proved_says_what_is_to_be_done(fake: FakeElevenLabs, tmp_path: Path) -> None:
    fake.requires_verification = True
    vendor = adapter(fake)
    made = vendor.submit("ivc", an_order(), [a_file(tmp_path)], MARKER)
    assert "elevenlabs.io" in (vendor.look_up(made.voice_id).to_do or "")
    fake.voices[made.voice_id].is_verified = True
    assert vendor.look_up(made.voice_id).to_do is None


def test_a_voice_that_is_no_clone_of_this_account_is_refused(fake: FakeElevenLabs) -> None:
    vendor = adapter(fake)
    for voice in (fake.make("Rachel", "premade"), fake.make("Shared", "cloned", is_owner=False)):
        with pytest.raises(VendorVoiceNotFound):
            vendor.look_up(voice.id)
    with pytest.raises(VendorVoiceNotFound):
        vendor.look_up("nobody")


def test_samples_are_added_by_an_edit_that_changes_nothing_else(fake: FakeElevenLabs, tmp_path: Path) -> None:
    vendor = adapter(fake)
    order = an_order(description="calm", labels={"team": "sales"})
    made = vendor.submit("ivc", order, [a_file(tmp_path)], MARKER)
    vendor.add("ivc", made.voice_id, [a_file(tmp_path, 2)])
    voice = fake.voices[made.voice_id]
    assert (voice.name, voice.description) == ("Anna", "calm")
    assert voice.labels == {"team": "sales", "clonepipe": MARKER}
    first, second = vendor.samples("ivc", made.voice_id)
    assert [first.filename, second.filename] == ["word-1.flac", "word-2.flac"]
    for _ in range(2):
        vendor.remove("ivc", made.voice_id, first.sample_id)
    assert vendor.samples("ivc", made.voice_id) == (second,)
