"""What becomes of each kind of recording, from the stored bytes to what the owner reads."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

from shared.db.models import Sample
from shared.states import Status
from shared.views import CloneView
from tests.worker.audio.signals import (
    Samples,
    clean_speech,
    float_wav_bytes,
    in_noise,
    motor,
    music,
    silence,
    spoken,
    tone,
    wav_bytes,
    white_noise,
    write,
    write_av,
)
from tests.worker.conftest import Workshop
from tests.worker.stages.conftest import Send

RATE_HZ = 16_000


@pytest.fixture
def verdict(workshop: Workshop, send: Send) -> Callable[..., CloneView]:
    """Send files, let the worker do what is due, and read the clone."""

    def judged(**files: bytes) -> CloneView:
        clone_id, job_id = send(workshop, {name.replace("_", "."): content for name, content in files.items()})
        workshop.work(job_id)
        return workshop.view(clone_id)

    return judged


def speech_wav(duration_s: float = 3.0) -> bytes:
    return wav_bytes(spoken(duration_s, RATE_HZ), RATE_HZ)


def encoded(folder: Path, suffix: str, duration_s: float = 4.0) -> bytes:
    return write(folder / f"made.{suffix}", spoken(duration_s, RATE_HZ), RATE_HZ).read_bytes()


def fast_forward_flac(folder: Path, duration_s: int) -> bytes:
    """A FLAC file of silence, which is small however long it is."""
    path = folder / "long.flac"
    minute = np.zeros(8_000 * 60, np.int16)
    with soundfile.SoundFile(path, "w", samplerate=8_000, channels=1, format="FLAC", subtype="PCM_16") as target:
        for _ in range(duration_s // 60):
            target.write(minute)
    return path.read_bytes()


def test_a_good_recording_is_measured_and_drawn(workshop: Workshop, send: Send) -> None:
    clone_id, job_id = send(workshop, {"anna.wav": speech_wav(4.0)})
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert (view.status, view.warnings) == (Status.READY, ())
    with workshop.database.read() as session:
        inspection, peaks = session.execute(select(Sample.inspection, Sample.peaks)).one()
    assert inspection["measures"]["speech_s"] > 2.0
    assert inspection["measures"]["speech_by"] in {"silero", "energy"}
    assert {finding["verdict"] for finding in inspection["findings"]} == {"ok"}
    assert "peaks" not in inspection
    assert 500 <= len(peaks) <= 1_000
    assert max(high for _, high in peaks) == pytest.approx(127 * inspection_peak(inspection), abs=1)


def inspection_peak(inspection: dict[str, dict[str, float]]) -> float:
    return float(10 ** (inspection["measures"]["peak_dbfs"] / 20))


def test_what_is_measured_to_be_bad_is_a_warning_with_its_advice(verdict: Callable[..., CloneView]) -> None:
    view = verdict(fine_wav=speech_wav(4.0), noisy_wav=_wav(0.3 * in_noise(spoken(4.0, RATE_HZ), 12.0)))
    assert view.status is Status.READY
    told = {found["warning"]: found["filename"] for found in view.warnings}
    snr = next(warning for warning in told if warning.startswith("snr: "))
    assert told[snr] == "noisy.wav"
    assert "quieter room" in snr
    assert "fine.wav" not in told.values()


def test_m4a_that_is_named_wav_becomes_a_voice(verdict: Callable[..., CloneView], tmp_path: Path) -> None:
    path = write_av(tmp_path / "made.m4a", spoken(4.0, 48_000), 48_000, codec="aac", form="ipod")
    assert verdict(anna_wav=path.read_bytes()).status is Status.READY


def test_a_browsers_webm_without_a_duration_becomes_a_voice(verdict: Callable[..., CloneView], tmp_path: Path) -> None:
    path = write_av(tmp_path / "made.webm", spoken(4.0, 48_000), 48_000, codec="libopus", form="webm")
    content = path.read_bytes()
    duration_at = content.index(b"\x44\x89\x88")  # the Duration element becomes padding of the same length
    live = content[:duration_at] + b"\xec\x89" + bytes(9) + content[duration_at + 11 :]
    view = verdict(anna_webm=live)
    assert (view.status, view.warnings) == (Status.READY, ())


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_a_recording_that_breaks_off_becomes_a_voice_with_a_warning(
    workshop: Workshop, send: Send, tmp_path: Path, suffix: str
) -> None:
    content = encoded(tmp_path, suffix)
    clone_id, job_id = send(workshop, {"whole.wav": speech_wav(4.0), f"anna.{suffix}": content[: len(content) // 2]})
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert view.status is Status.READY
    told = next(found for found in view.warnings if found["warning"].startswith("truncated:"))
    assert told["filename"] == f"anna.{suffix}"
    assert {found["filename"] for found in view.warnings} == {f"anna.{suffix}"}
    with workshop.database.read() as session:
        assert told["sample_id"] == session.scalar(select(Sample.id).where(Sample.position == 1))


@pytest.mark.parametrize(
    ("suffix", "kept_bytes", "code"),
    [("flac", 60, "AUDIO_UNREADABLE"), ("wav", 44, "AUDIO_UNREADABLE"), ("m4a", 6_000, "AUDIO_UNREADABLE")],
)
def test_a_recording_of_which_nothing_can_be_read_is_unreadable(
    verdict: Callable[..., CloneView], tmp_path: Path, suffix: str, kept_bytes: int, code: str
) -> None:
    if suffix == "m4a":
        path = write_av(tmp_path / "made.m4a", spoken(4.0, 48_000), 48_000, codec="aac", form="ipod")
        content = path.read_bytes()
    else:
        content = encoded(tmp_path, suffix)
    view = verdict(**{f"anna_{suffix}": content[:kept_bytes]})
    assert (view.status, view.error_code) == (Status.FAILED, code)
    assert view.error_message is not None
    assert view.error_message.startswith(f"anna.{suffix} ")


def _poisoned(value: float) -> bytes:
    sound = spoken(3.0, RATE_HZ)
    sound[0, 30_000] = value
    return float_wav_bytes(sound, RATE_HZ)


def _wav(sound: Samples) -> bytes:
    return wav_bytes(sound, RATE_HZ)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        pytest.param(speech_wav(0.2), "AUDIO_TOO_SHORT", "0.20 s", id="0.2 s"),
        pytest.param(_wav(silence(5.0, RATE_HZ)), "NO_SPEECH", "silent", id="silence"),
        pytest.param(_wav(white_noise(5.0, RATE_HZ)), "NO_SPEECH", "speech", id="noise"),
        pytest.param(_wav(tone(5.0, RATE_HZ)), "NO_SPEECH", "speech", id="tone"),
        pytest.param(_wav(motor(10.0, RATE_HZ)), "NO_SPEECH", "speech", id="motor"),
        pytest.param(_wav(music(12.0, RATE_HZ)), "NO_SPEECH", "speech", id="music"),
        pytest.param(_poisoned(float("nan")), "AUDIO_UNREADABLE", "impossible values", id="NaN"),
        pytest.param(_poisoned(float("inf")), "AUDIO_UNREADABLE", "impossible values", id="Inf"),
        pytest.param(_poisoned(1e30), "AUDIO_UNREADABLE", "impossible values", id="1e30"),
        pytest.param(b"<html>not a sound</html>" * 99, "AUDIO_UNREADABLE", "cannot be decoded", id="HTML"),
    ],
)
def test_a_recording_that_no_voice_can_be_made_of_fails_with_its_own_code(
    verdict: Callable[..., CloneView], content: bytes, code: str, words: str
) -> None:
    view = verdict(anna_wav=content)
    assert (view.status, view.error_code) == (Status.FAILED, code)
    assert view.error_message is not None
    assert view.error_message.startswith("anna.wav ")
    assert words in view.error_message


@pytest.mark.parametrize("snr_db", [20.0, 10.0])
def test_a_voice_in_noise_passes(verdict: Callable[..., CloneView], snr_db: float) -> None:
    assert verdict(anna_wav=_wav(0.3 * in_noise(spoken(5.0, RATE_HZ), snr_db))).status is Status.READY


def test_a_few_words_in_a_minute_of_pause_pass(verdict: Callable[..., CloneView]) -> None:
    speech, rate_hz = clean_speech()
    sound = np.concatenate((silence(25.0, rate_hz), 0.3 * speech, silence(30.0, rate_hz)), axis=1)
    assert verdict(anna_wav=wav_bytes(in_noise(sound, 15.0), rate_hz)).status is Status.READY


def test_ten_hours_in_a_small_file_end_at_the_limit_and_not_at_their_end(
    make_workshop: Callable[..., Workshop], send: Send, tmp_path: Path
) -> None:
    workshop = make_workshop(max_sample_minutes=10)
    content = fast_forward_flac(tmp_path, 10 * 3600)
    assert len(content) < 6_500_000
    clone_id, job_id = send(workshop, {"night.flac": content})
    began_s = time.monotonic()
    workshop.work(job_id)
    assert time.monotonic() - began_s < 30
    view = workshop.view(clone_id)
    assert (view.status, view.error_code) == (Status.FAILED, "AUDIO_TOO_LONG")
    assert view.error_message is not None
    assert "longer than 10 minutes (its header says 600.0 minutes)" in view.error_message


def test_every_bad_recording_is_named_at_once(verdict: Callable[..., CloneView]) -> None:
    view = verdict(
        good_wav=speech_wav(),
        mute_wav=_wav(silence(3.0, RATE_HZ)),
        short_wav=speech_wav(0.2),
        text_wav=b"hello " * 50,
        fine_wav=speech_wav(),
    )
    assert (view.status, view.error_code) == (Status.FAILED, "NO_SPEECH")
    assert view.error_message is not None
    first, others = view.error_message.split(" 2 more recordings cannot be used either: ")
    assert first.startswith("mute.wav is silent")
    assert others.startswith("short.wav has 0.20 s of sound; at least 1 s is needed, and text.wav cannot be decoded")
    assert "good.wav" not in view.error_message
    assert "fine.wav" not in view.error_message


def test_two_bad_recordings_are_told_in_the_singular(verdict: Callable[..., CloneView]) -> None:
    view = verdict(a_wav=speech_wav(0.2), b_wav=speech_wav(0.4))
    assert view.error_code == "AUDIO_TOO_SHORT"
    assert view.error_message is not None
    assert view.error_message.endswith(
        "1 more recording cannot be used either: b.wav has 0.40 s of sound; at least 1 s is needed."
    )


def test_what_was_measured_of_a_useless_recording_is_kept_for_the_report(workshop: Workshop, send: Send) -> None:
    clone_id, job_id = send(workshop, {"band.wav": wav_bytes(music(6.0, RATE_HZ), RATE_HZ), "anna.wav": speech_wav()})
    workshop.work(job_id)
    assert workshop.view(clone_id).error_code == "NO_SPEECH"
    with workshop.bench.services.database.read() as session:
        rows = session.execute(
            select(Sample.filename, Sample.inspection, Sample.peaks).where(Sample.clone_id == clone_id)
        ).all()
    verdicts = {
        row.filename: {finding["verdict"] for finding in row.inspection["findings"]} for row in rows if row.peaks
    }
    assert "refuse" in verdicts["band.wav"]
    assert "refuse" not in verdicts["anna.wav"]
