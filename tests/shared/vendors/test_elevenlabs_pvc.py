"""ElevenLabs' professional clones: made empty, filled, proven by a person, trained, against a fake at the wire."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.errors import VendorProtocol, VendorQuota, VendorRejected, VendorUnavailable
from shared.vendors.answer import Answer
from shared.vendors.elevenlabs import ElevenLabs
from shared.vendors.elevenlabs_captcha import picture_of
from shared.vendors.protocol import TrainingState
from tests.fakes.call import Call, Reply
from tests.fakes.elevenlabs import FakeElevenLabs
from tests.fakes.elevenlabs_pvc import CAPTCHA, MODEL, Tuning
from tests.shared.vendors.eleven import MARKER, a_file, adapter, an_order


@pytest.fixture
def fake() -> Iterator[FakeElevenLabs]:
    vendor = FakeElevenLabs()
    with vendor.running():
        yield vendor


@pytest.fixture
def vendor(fake: FakeElevenLabs) -> ElevenLabs:
    return adapter(fake)


def made(vendor: ElevenLabs, folder: Path) -> str:
    """Create a voice and fill it; return its id."""
    order = an_order(language="en")
    voice_id = vendor.submit("pvc", order, [], MARKER).voice_id
    vendor.complete("pvc", order, [a_file(folder, 1), a_file(folder, 2)], voice_id, MARKER)
    return voice_id


def tuning_of(fake: FakeElevenLabs, voice_id: str) -> Tuning:
    tuning = fake.voices[voice_id].tuning
    assert tuning is not None
    return tuning


def uploads(fake: FakeElevenLabs) -> list[Call]:
    return [call for call in fake.calls if call.method == "POST" and call.path.endswith("/samples")]


def test_a_voice_is_created_by_a_json_object_with_a_real_object_of_labels(
    fake: FakeElevenLabs, vendor: ElevenLabs
) -> None:
    order = an_order(language="en", gender="male", description="x" * 600, labels={"team": "sales"})
    submitted = vendor.submit("pvc", order, [], MARKER)
    assert fake.calls[-1].json() == {
        "name": "Anna", "language": "en", "description": "x" * 500,
        "labels": {"language": "en", "gender": "male", "team": "sales", "clonepipe": MARKER},
    }  # fmt: skip
    assert "500 characters" in submitted.notes[0]
    assert [voice.voice_id for voice in vendor.find("pvc", MARKER)] == [submitted.voice_id]


def test_without_a_language_nothing_is_asked(fake: FakeElevenLabs, vendor: ElevenLabs) -> None:
    with pytest.raises(VendorRejected, match="language"):
        vendor.submit("pvc", an_order(), [], MARKER)
    assert fake.calls == []


def test_a_plan_without_room_for_it_is_told_before_it_is_created(fake: FakeElevenLabs, vendor: ElevenLabs) -> None:
    fake.make("Old", "professional")
    with pytest.raises(VendorQuota, match="1 of 1 professional voices"):
        vendor.submit("pvc", an_order(language="en"), [], MARKER)
    assert len(fake.ledger()) == 1


def test_recordings_go_up_one_by_one_and_none_twice(fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path) -> None:
    voice_id = made(vendor, tmp_path)
    files = [a_file(tmp_path, 1), a_file(tmp_path, 2), a_file(tmp_path, 3, cleaned=False), a_file(tmp_path, 4, of=1)]
    order = an_order(language="en", voice_settings={"remove_background_noise": True})
    vendor.complete("pvc", order, files, voice_id, MARKER)
    assert [[upload.filename for upload in call.uploads] for call in uploads(fake)] == [
        ["word-1.flac"], ["word-2.flac"], ["word-3.flac"],
    ]  # fmt: skip
    assert [call.text("remove_background_noise") for call in uploads(fake)] == ["false", "false", "true"]


def test_an_upload_whose_answer_was_lost_is_not_sent_again(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path
) -> None:
    order, file = an_order(language="en"), a_file(tmp_path)
    voice_id = vendor.submit("pvc", order, [], MARKER).voice_id
    keep = fake.keep

    def lose_the_answer(*told: Any) -> Reply | None:
        return keep(*told) or Reply(502, {})

    fake.keep = lose_the_answer  # type: ignore[method-assign]
    with pytest.raises(VendorUnavailable):
        vendor.complete("pvc", order, [file], voice_id, MARKER)
    fake.keep = keep  # type: ignore[method-assign]
    vendor.complete("pvc", order, [file], voice_id, MARKER)
    assert len(uploads(fake)) == 1
    assert len(vendor.samples("pvc", voice_id)) == 1


def test_a_recording_that_is_refused_and_not_there_is_a_refusal(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path
) -> None:
    voice_id = made(vendor, tmp_path)
    spoilt = a_file(tmp_path, 3)
    spoilt.path.write_bytes(b"no sound")
    with pytest.raises(VendorRejected, match="corrupted"):
        vendor.complete("pvc", an_order(language="en"), [spoilt], voice_id, MARKER)
    assert len(fake.voices[voice_id].samples) == 2


def test_it_waits_for_a_person_then_trains_once_and_is_ready(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path
) -> None:
    voice_id = made(vendor, tmp_path)
    look = vendor.poll("pvc", voice_id)
    assert look.state is TrainingState.ACTION_REQUIRED
    assert "Attempts left: 5" in (look.reason or "")
    vendor.verify(voice_id, a_file(tmp_path, 9))
    seen = [vendor.poll("pvc", voice_id) for _ in range(4)]
    assert [look.state for look in seen] == [TrainingState.TRAINING] * 3 + [TrainingState.READY]
    assert [look.progress for look in seen] == [None, pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]
    assert tuning_of(fake, voice_id).trainings == 1


def test_a_training_that_failed_says_why(fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path) -> None:
    fake.desk.ends_as, fake.desk.message = "failed", "1273 s of speech are left of 7200."
    voice_id = made(vendor, tmp_path)
    fake.desk.let_everybody_verify()
    *_, last = [vendor.poll("pvc", voice_id) for _ in range(4)]
    assert (last.state, last.reason) == (TrainingState.FAILED, "1273 s of speech are left of 7200.")


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ({MODEL: "fine_tuned", "other": "queued"}, TrainingState.TRAINING),
        ({MODEL: "fine_tuned", "other": "failed"}, TrainingState.READY),
        ({MODEL: "delayed"}, TrainingState.TRAINING),
        ({MODEL: "fine_tuned", "other": "polished"}, TrainingState.READY),
        ({MODEL: "polished"}, TrainingState.UNKNOWN),
        ({MODEL: "draft"}, TrainingState.ACTION_REQUIRED),
        ({MODEL: "not_verified"}, TrainingState.ACTION_REQUIRED),
        ({MODEL: None}, TrainingState.ACTION_REQUIRED),
        ({}, TrainingState.ACTION_REQUIRED),
    ],
)
def test_a_map_of_states_is_read_as_one(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path, states: dict[str, str], state: TrainingState
) -> None:
    voice_id = made(vendor, tmp_path)
    tuning = tuning_of(fake, voice_id)
    tuning.states, tuning.looks_needed = states, 9
    assert vendor.poll("pvc", voice_id).state is state


@pytest.mark.parametrize(("scale", "expected"), [(100, 0.5), (1, 0.5)])
def test_progress_is_a_fraction_whichever_scale_it_came_in(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path, scale: float, expected: float
) -> None:
    voice_id = made(vendor, tmp_path)
    tuning = tuning_of(fake, voice_id)
    tuning.states, tuning.scale, tuning.looks_needed = {MODEL: "queued"}, scale, 1
    assert vendor.poll("pvc", voice_id).progress == pytest.approx(expected)


def test_a_progress_of_one_in_the_middle_tells_nothing(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path
) -> None:
    voice_id = made(vendor, tmp_path)
    tuning_of(fake, voice_id).states, tuning_of(fake, voice_id).progress = {MODEL: "delayed"}, {MODEL: 1}
    assert vendor.poll("pvc", voice_id).progress is None


def test_a_training_that_is_refused_is_told(fake: FakeElevenLabs, vendor: ElevenLabs) -> None:
    voice_id = vendor.submit("pvc", an_order(language="en"), [], MARKER).voice_id
    fake.voices[voice_id].is_verified = True
    with pytest.raises(VendorRejected, match="no samples"):
        vendor.poll("pvc", voice_id)


def test_a_person_at_the_vendor_can_be_asked_and_their_yes_is_noticed(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path
) -> None:
    voice_id = made(vendor, tmp_path)
    vendor.request_manual(voice_id, [a_file(tmp_path, 8)], "This is me.")
    manual = tuning_of(fake, voice_id).manual
    assert manual is not None
    assert (manual["extra_text"], [one["file_name"] for one in manual["files"]]) == ("This is me.", ["word-8.flac"])
    assert vendor.verification(voice_id).manual_requested
    look = vendor.poll("pvc", voice_id)
    assert look.state is TrainingState.ACTION_REQUIRED
    assert "by hand" in (look.reason or "")
    fake.voices[voice_id].is_verified = True
    assert vendor.poll("pvc", voice_id).state is TrainingState.TRAINING


@pytest.mark.parametrize("form", ["image", "base64", "json"])
def test_the_captcha_is_a_picture_in_whatever_form_it_came(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path, form: Any
) -> None:
    fake.desk.captcha_as = form
    shown = vendor.verification(made(vendor, tmp_path))
    assert not shown.done
    assert shown.captcha == ("image/png", CAPTCHA)
    assert shown.attempts_left == 5
    assert shown.resets_at is not None


def test_a_captcha_written_as_an_address_of_data_is_read_and_a_page_is_none() -> None:
    assert picture_of(Answer(200, {}, b'"data:image/gif;base64,R0lGODlh"'))[0] == "image/gif"
    for body in (b"<html>sorry</html>", b"", b"{}", b'"aGVsbG8="'):
        with pytest.raises(VendorProtocol):
            picture_of(Answer(200, {}, body))


def test_attempts_that_failed_are_told_until_none_is_left(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path
) -> None:
    voice_id = made(vendor, tmp_path)
    fake.desk.refuses_recordings = True
    for _ in range(5):
        with pytest.raises(VendorRejected, match="does not match"):
            vendor.verify(voice_id, a_file(tmp_path, 9))
    shown = vendor.verification(voice_id)
    assert (shown.attempts_left, shown.captcha) == (0, None)
    assert len(shown.failures) == 5
    assert all(word in shown.failures[0] for word in ("seven grey boxes", "seven gray foxes", "0.41"))
    assert "no further recording" in (vendor.poll("pvc", voice_id).reason or "")


def test_added_samples_are_trained_into_a_voice_that_was_proven(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path
) -> None:
    voice_id = made(vendor, tmp_path)
    vendor.add("pvc", voice_id, [a_file(tmp_path, 3)])
    assert tuning_of(fake, voice_id).trainings == 0, "a person comes first"
    fake.desk.let_everybody_verify()
    vendor.add("pvc", voice_id, [a_file(tmp_path, 4)])
    assert (tuning_of(fake, voice_id).trainings, len(vendor.samples("pvc", voice_id))) == (1, 4)


def test_adding_the_same_again_adds_and_trains_nothing(
    fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path
) -> None:
    voice_id = made(vendor, tmp_path)
    fake.desk.let_everybody_verify()
    more = [a_file(tmp_path, 4)]
    for _ in range(2):
        vendor.add("pvc", voice_id, more)
    assert (tuning_of(fake, voice_id).trainings, len(vendor.samples("pvc", voice_id))) == (1, 3)


def test_a_voice_that_was_never_trained_is_not_adopted(vendor: ElevenLabs, tmp_path: Path) -> None:
    voice_id = made(vendor, tmp_path)
    with pytest.raises(VendorRejected, match="was not trained yet"):
        vendor.look_up(voice_id)


def test_a_voice_is_changed_in_what_is_given(fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path) -> None:
    voice_id = made(vendor, tmp_path)
    vendor.professional.update(voice_id, description="calm", language="de")
    assert fake.calls[-1].json() == {"description": "calm", "language": "de"}
    assert (fake.voices[voice_id].name, fake.voices[voice_id].description) == ("Anna", "calm")


def test_a_model_can_be_named_for_the_training(fake: FakeElevenLabs, vendor: ElevenLabs, tmp_path: Path) -> None:
    voice_id = made(vendor, tmp_path)
    fake.desk.let_everybody_verify()
    vendor.professional.train(voice_id, "eleven_turbo_v2_5")
    assert tuning_of(fake, voice_id).states["eleven_turbo_v2_5"] == "queued"
