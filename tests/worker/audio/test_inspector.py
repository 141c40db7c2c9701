import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyloudnorm
import pytest

from shared.errors import AudioTooLong, AudioTooNoisy, AudioUnreadable, DecoderLost, NoSpeech, SourceMissing
from tests.processes import until
from tests.worker.audio.signals import (
    Samples,
    clean_speech,
    float_wav_bytes,
    in_noise,
    motor,
    music,
    spoken,
    tone,
    wav_bytes,
    white_noise,
    write,
)
from tests.worker.audio.studio import Studio, joined, nobody
from worker.audio.files.decoder import Decoder
from worker.audio.files.stream import DecodedStream
from worker.audio.inspector import listen
from worker.audio.tracks import WINDOW_S


def test_known_speech_has_known_measures(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    examination = studio.examine(speech, rate_hz)
    found, measures = examination.inspection, examination.inspection.measures
    assert (found.format, found.codec, found.rate_hz, found.channels) == ("wav", "pcm_f32le", rate_hz, 1)
    assert found.duration_s == measures.duration_s == pytest.approx(speech.shape[1] / rate_hz)
    assert found.header_duration_s == pytest.approx(found.duration_s)
    assert examination.tracks.duration_s == pytest.approx(found.duration_s, abs=WINDOW_S)
    assert measures.peak_dbfs == pytest.approx(20 * np.log10(np.abs(speech).max()), abs=0.05)
    expected_lufs = pyloudnorm.Meter(rate_hz).integrated_loudness(speech[0].astype(np.float64))
    assert measures.loudness_lufs == pytest.approx(expected_lufs, abs=0.1)
    assert measures.snr_db is not None
    assert measures.snr_db > 28
    assert 2.5 < measures.speech_s < found.duration_s
    assert measures.speech_share > 0.8
    assert measures.missing_share == 0.0
    assert found.warnings == ()


@pytest.mark.parametrize("snr_db", [10.0, 15.0, 20.0])
def test_the_noise_under_a_voice_is_measured_to_3_db(studio: Studio, snr_db: float) -> None:
    sound = 0.3 * spoken(12.0, 16_000)
    snr = studio.examine(in_noise(sound, snr_db), 16_000).inspection.measures.snr_db
    assert snr == pytest.approx(snr_db, abs=3.0)


def test_the_outline_is_of_the_mono_signal_and_not_in_the_report(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    found = studio.examine(np.concatenate((0.0 * speech, 0.5 * speech + 0.1)), rate_hz).inspection
    assert found.peaks is not None
    assert found.mix.channel == 1
    assert max(high for _, high in found.peaks.pairs) == pytest.approx(63.5 * speech.max(), abs=1)
    assert "peaks" not in found.to_json()


def test_stereo_is_measured_as_the_mono_it_becomes(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    mono = studio.examine(speech, rate_hz).inspection
    stereo = studio.examine(np.concatenate((speech, speech)), rate_hz).inspection
    assert (stereo.channels, stereo.mix.channel) == (2, None)
    assert stereo.measures.loudness_lufs == pytest.approx(mono.measures.loudness_lufs, abs=0.01)
    assert stereo.measures.snr_db == pytest.approx(mono.measures.snr_db, abs=0.1)
    assert stereo.warnings == ()


@pytest.mark.parametrize(("left", "right", "channel"), [(1.0, -1.0, 0), (0.0, 1.0, 1), (1.0, 0.0, 0)])
def test_a_side_is_taken_where_the_mean_would_lose_the_voice(
    studio: Studio, left: float, right: float, channel: int
) -> None:
    speech, rate_hz = clean_speech()
    found = studio.examine(np.concatenate((left * speech, right * speech)), rate_hz).inspection
    assert found.mix.channel == channel
    assert found.measures.loudness_lufs == pytest.approx(-18.5, abs=0.5)
    assert any(warning.startswith("one-sided:") for warning in found.warnings)


class _Counted:
    """Counts how often a decoder decodes."""

    def __init__(self, decoder: Decoder) -> None:
        self._decode = decoder.decode
        self.times = 0

    def __call__(self, *positional: Any, **named: Any) -> AbstractContextManager[DecodedStream]:
        self.times += 1
        return self._decode(*positional, **named)


@pytest.fixture
def decodings(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> _Counted:
    counted = _Counted(decoder)
    monkeypatch.setattr(decoder, "decode", counted)
    return counted


def test_a_recording_whose_beginning_chose_another_side_is_gone_through_again(
    studio: Studio, decodings: _Counted
) -> None:
    speech, rate_hz = clean_speech()
    nothing = 0.0 * speech
    left = joined(0.05 * speech, nothing, nothing, nothing)
    right = joined(nothing, speech, speech, speech)
    found = studio.examine(np.concatenate((left, right)), rate_hz)
    assert decodings.times == 2
    alone = studio.examine(right, rate_hz)
    assert found.inspection.mix.channel == 1
    assert found.inspection.measures.loudness_lufs == pytest.approx(alone.inspection.measures.loudness_lufs, abs=0.01)
    assert found.inspection.duration_s == alone.inspection.duration_s
    assert np.allclose(found.tracks.levels_db, alone.tracks.levels_db, atol=0.01)
    assert np.array_equal(found.tracks.spoken, alone.tracks.spoken)


def test_ordinary_recordings_are_gone_through_once(studio: Studio, decodings: _Counted) -> None:
    speech, rate_hz = clean_speech()
    studio.examine(np.concatenate((speech, 0.7 * speech)), rate_hz)
    studio.examine(np.concatenate((joined(0.0 * speech, speech), joined(0.0 * speech, 0.0 * speech))), rate_hz)
    assert decodings.times == 2


@pytest.mark.parametrize("right", [1.0, -1.0])
def test_a_header_that_claims_too_much_is_no_reason_to_refuse(
    studio: Studio, decodings: _Counted, right: float
) -> None:
    speech, rate_hz = clean_speech()
    path = write(studio.folder / "streamed.flac", np.concatenate((speech, right * speech)), rate_hz)
    data = bytearray(path.read_bytes())
    data[22:26] = (10_000_000).to_bytes(4, "big")  # STREAMINFO: the lower 32 bits of the number of frames
    path.write_bytes(data)
    impatient = replace(studio, limits=replace(studio.limits, max_duration_s=10.0))
    found = impatient.inspect(path).inspection
    assert found.header_duration_s == pytest.approx(10_000_000 / rate_hz)
    assert found.duration_s == pytest.approx(speech.shape[1] / rate_hz)
    assert found.measures.loudness_lufs == pytest.approx(-18.5, abs=0.5)
    assert found.measures.missing_share == 0.0  # it ends as encoders end one: nothing is cut off
    assert found.mix.channel == (None if right > 0 else 0)
    assert decodings.times == 2


@pytest.mark.parametrize("offset", [0.7, -0.3])
def test_an_offset_is_measured_and_counts_for_nothing(studio: Studio, offset: float) -> None:
    speech, rate_hz = clean_speech()
    quiet = in_noise(0.2 * speech, 20.0)
    plain = studio.examine(quiet, rate_hz).inspection
    shifted = studio.examine(quiet + np.float32(offset), rate_hz).inspection
    assert shifted.mix.offset == pytest.approx(offset, abs=0.01)
    assert shifted.measures.loudness_lufs == pytest.approx(plain.measures.loudness_lufs, abs=0.1)
    assert shifted.measures.speech_s == pytest.approx(plain.measures.speech_s, abs=0.1)
    assert shifted.measures.snr_db == pytest.approx(plain.measures.snr_db, abs=0.5)


@pytest.mark.parametrize(
    "sound",
    [
        white_noise(5.0, 16_000),
        tone(5.0, 16_000, hz=50),
        tone(5.0, 16_000),
        tone(5.0, 16_000, amplitude=3e-3) + 0.7,
        music(10.0, 16_000),
        motor(10.0, 16_000),
    ],
    ids=["noise", "hum", "tone", "offset", "music", "motor"],
)
def test_what_is_no_voice_is_refused(studio: Studio, sound: Samples) -> None:
    with pytest.raises((NoSpeech, AudioTooNoisy), match=r"voice\.wav"):
        studio.examine(sound.astype(np.float32), 16_000)


def test_what_is_refused_can_be_listened_to_all_the_same(studio: Studio) -> None:
    path = write(studio.folder / "voice.wav", white_noise(4.0, 16_000), 16_000)
    found = listen(studio.decoder, path, filename="voice.wav", limits=studio.limits, progress=nobody)
    assert (found.inspection.verdict, found.inspection.duration_s) == ("refuse", 4.0)


def test_too_long_is_refused(studio: Studio) -> None:
    path = write(studio.folder / "voice.wav", white_noise(4.0, 16_000), 16_000)
    impatient = replace(studio, limits=replace(studio.limits, max_duration_s=3.0))
    with pytest.raises(AudioTooLong, match=r"voice\.wav is longer than 0\.05 minutes"):
        impatient.inspect(path)


def test_what_cannot_be_decoded_is_refused(studio: Studio) -> None:
    (studio.folder / "voice.wav").write_text("hello")
    with pytest.raises(AudioUnreadable, match=r"voice\.wav"):
        studio.inspect(studio.folder / "voice.wav")
    with pytest.raises(SourceMissing, match=r"gone\.wav"):
        studio.inspect(studio.folder / "gone.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_impossible_values_are_refused_wherever_they_are(studio: Studio, value: float) -> None:
    speech, rate_hz = clean_speech()
    speech[0, -5] = value
    (studio.folder / "voice.wav").write_bytes(float_wav_bytes(speech, rate_hz))
    with pytest.raises(AudioUnreadable, match=r"voice\.wav cannot be decoded: it holds impossible values"):
        studio.inspect(studio.folder / "voice.wav")


def test_a_recording_that_breaks_off_is_measured_with_a_warning(studio: Studio) -> None:
    speech, rate_hz = clean_speech()
    whole = wav_bytes(speech, rate_hz)
    (studio.folder / "voice.wav").write_bytes(whole[: len(whole) // 2])
    found = studio.inspect(studio.folder / "voice.wav").inspection
    assert found.duration_s == pytest.approx(speech.shape[1] / rate_hz / 2, abs=0.1)
    assert found.warnings[0].startswith("truncated:")
    verdicts = {finding.name: finding.verdict for finding in found.findings}
    if found.header_duration_s is not None and found.header_duration_s > 1.1 * found.duration_s:
        assert found.measures.missing_share == pytest.approx(0.5, abs=0.02)
        assert verdicts["missing"] == "warn"


def test_progress_grows_from_nothing_to_all(studio: Studio) -> None:
    path = write(studio.folder / "voice.wav", np.tile(clean_speech()[0], 3), clean_speech()[1])
    seen: list[float] = []
    studio.inspect(path, seen.append)
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(set(seen))
    assert len(seen) > 10


def test_progress_that_raises_ends_the_work_and_leaves_nothing(studio: Studio) -> None:
    path = write(studio.folder / "voice.wav", white_noise(60.0, 48_000), 48_000)
    studio.decoder.start()
    before = len(os.listdir("/dev/fd"))

    def refuse(fraction: float) -> None:
        if fraction > 0.1:
            raise LookupError("claim lost")

    with pytest.raises(LookupError):
        studio.inspect(path, refuse)
    assert len(os.listdir("/dev/fd")) == before
    assert until(lambda: not psutil.Process(studio.decoder.host_pid).children())


def test_a_killed_decoder_is_not_the_recordings_fault(studio: Studio) -> None:
    path = write(studio.folder / "voice.wav", spoken(60.0, 48_000), 48_000)

    def kill(fraction: float) -> None:
        if fraction > 0.1:
            for child in psutil.Process(studio.decoder.host_pid).children():
                child.send_signal(signal.SIGKILL)

    with pytest.raises(DecoderLost, match=r"voice\.wav") as caught:
        studio.inspect(path, kill)
    assert caught.value.retryable
    speech, rate_hz = clean_speech()
    assert studio.examine(speech, rate_hz).inspection.measures.speech_s > 2.5


def test_a_recording_has_the_same_examination_every_time(studio: Studio) -> None:
    sound, rate_hz = clean_speech()
    one, other = (studio.examine(in_noise(0.3 * sound, 15.0), rate_hz) for _ in range(2))
    assert one.inspection == other.inspection
    assert one.tracks.speech.tobytes() == other.tracks.speech.tobytes()
    assert one.tracks.bands_db.tobytes() == other.tracks.bands_db.tobytes()


MEMORY = """
import sys
from pathlib import Path
from worker.audio.files.decoder import Decoder
from worker.audio.inspector import inspect
from worker.audio.files.wire import DecodeLimits

with Decoder() as decoder:
    inspect(decoder, Path(sys.argv[1]), filename="a", limits=DecodeLimits(3600.0, 2**29), progress=lambda _: None)
status = Path("/proc/self/status").read_text()  # ru_maxrss would begin with the peak of the process that forked us
print(status.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_memory_grows_by_the_moments_only(tmp_path: Path) -> None:
    peaks_kib: list[int] = []
    minute = spoken(60.0, 8_000)
    for minutes in (1, 5):
        path = write(tmp_path / f"{minutes}.wav", np.tile(minute, (2, minutes)), 8_000)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True, timeout=300
        )
        peaks_kib.append(int(done.stdout))
    assert peaks_kib[1] < 1.1 * peaks_kib[0], peaks_kib
