import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from shared.errors import AudioTooLong, AudioTooShort, AudioUnreadable, NoSpeech
from tests.processes import until
from tests.worker.audio.signals import (
    Samples,
    clean_speech,
    in_noise,
    music,
    silence,
    tone,
    wav_bytes,
    white_noise,
    write,
)
from worker.audio.decoder import Decoder
from worker.audio.inspection import Inspection, inspect
from worker.audio.wire import DecodeLimits

Inspect = Callable[[Samples, int], Inspection]


@pytest.fixture
def look(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> Inspect:
    """Write a sound as a float WAV file named voice.wav and inspect it."""

    def written(sound: Samples, rate_hz: int) -> Inspection:
        path = write(tmp_path / "voice.wav", sound, rate_hz, subtype="FLOAT")
        return inspect(decoder, path, filename="voice.wav", limits=limits, progress=lambda _fraction: None)

    return written


def test_known_speech_has_known_measures(look: Inspect) -> None:
    speech, rate_hz = clean_speech()
    found = look(speech, rate_hz)
    assert (found.format, found.codec, found.rate_hz, found.channels) == ("wav", "pcm_f32le", rate_hz, 1)
    assert found.duration_s == pytest.approx(speech.shape[1] / rate_hz)
    assert found.header_duration_s == pytest.approx(found.duration_s)
    assert found.peak_dbfs == pytest.approx(20 * np.log10(np.abs(speech).max()), abs=0.01)
    assert found.rms_dbfs == pytest.approx(20 * np.log10(speech.std()), abs=0.01)
    assert found.loudness_lufs == pytest.approx(-18.5, abs=0.5)
    assert found.snr_db is not None
    assert found.snr_db > 28
    assert 2.5 < found.active_s < found.duration_s
    assert 2.5 < found.speech_s < found.duration_s
    assert found.speech_share > 0.8
    assert found.warnings == ()


def test_an_inspection_survives_being_stored(look: Inspect) -> None:
    found = look(*clean_speech())
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert Inspection.from_json(stored) == found
    assert Inspection.from_json(stored | {"added_later": 1}) == found


def test_the_outline_is_of_the_mono_signal_and_not_in_the_report(look: Inspect) -> None:
    speech, rate_hz = clean_speech()
    found = look(np.concatenate((0.0 * speech, 0.5 * speech + 0.1)), rate_hz)
    assert found.peaks is not None
    assert found.mix.channel == 1
    assert max(high for _, high in found.peaks.pairs) == pytest.approx(63.5 * speech.max(), abs=1)
    assert "peaks" not in found.to_json()


def test_stereo_is_measured_as_the_mono_it_becomes(look: Inspect) -> None:
    speech, rate_hz = clean_speech()
    mono, stereo = look(speech, rate_hz), look(np.concatenate((speech, speech)), rate_hz)
    assert stereo.channels == 2
    assert stereo.mix.channel is None
    assert stereo.loudness_lufs == pytest.approx(mono.loudness_lufs, abs=0.01)
    assert stereo.snr_db == pytest.approx(mono.snr_db, abs=0.1)


@pytest.mark.parametrize(("left", "right", "channel"), [(1.0, -1.0, 0), (0.0, 1.0, 1), (1.0, 0.0, 0)])
def test_a_side_is_taken_where_the_mean_would_lose_the_voice(
    look: Inspect, left: float, right: float, channel: int
) -> None:
    speech, rate_hz = clean_speech()
    found = look(np.concatenate((left * speech, right * speech)), rate_hz)
    assert found.mix.channel == channel
    assert found.loudness_lufs == pytest.approx(-18.5, abs=0.5)
    assert any(warning.startswith("one-sided:") for warning in found.warnings)


def test_an_offset_is_measured_and_counts_for_nothing(look: Inspect) -> None:
    speech, rate_hz = clean_speech()
    plain, shifted = look(0.2 * speech, rate_hz), look(0.2 * speech + 0.7, rate_hz)
    assert shifted.mix.offset == pytest.approx(0.7, abs=0.01)
    assert shifted.rms_dbfs == pytest.approx(plain.rms_dbfs, abs=0.01)
    assert shifted.active_s == pytest.approx(plain.active_s, abs=0.1)


def test_too_short_names_file_finding_limit_and_remedy(look: Inspect) -> None:
    with pytest.raises(
        AudioTooShort, match=r"voice\.wav has 0\.30 s of sound; at least 1 s is needed\. Record"
    ) as caught:
        look(tone(0.3, 16_000), 16_000)
    assert caught.value.details == {"filename": "voice.wav", "found_s": pytest.approx(0.3), "limit_s": 1.0}


@pytest.mark.parametrize("sound", [silence(2.0, 16_000), white_noise(2.0, 16_000, rms=1e-4)])
def test_silence_is_refused(look: Inspect, sound: Samples) -> None:
    with pytest.raises(NoSpeech, match=r"voice\.wav is silent: .* at least -60 LUFS is needed\. Check"):
        look(sound, 16_000)


@pytest.mark.parametrize(
    "sound",
    [white_noise(5.0, 16_000), tone(5.0, 16_000, hz=50), tone(5.0, 16_000), tone(5.0, 16_000, amplitude=1e-3) + 0.7],
)
def test_steady_noise_hum_and_offset_are_not_speech(look: Inspect, sound: Samples) -> None:
    with pytest.raises(NoSpeech, match=r"voice\.wav"):
        look(sound, 16_000)


def test_music_with_a_few_words_names_its_share_and_the_limit(look: Inspect) -> None:
    speech, rate_hz = clean_speech()
    if look(speech, rate_hz).speech_by == "energy":
        pytest.skip("no speech model for this machine")
    with pytest.raises(NoSpeech, match=r"voice\.wav is mostly something else .* at least 30% is needed\. Upload"):
        look(np.concatenate((speech, 1.5 * music(30.0, rate_hz)), axis=1), rate_hz)


def test_speech_in_strong_noise_is_still_speech(look: Inspect) -> None:
    speech, rate_hz = clean_speech()
    assert look(in_noise(0.2 * speech, 5.0), rate_hz).active_s > 0.5


def test_too_long_is_refused(decoder: Decoder, tmp_path: Path) -> None:
    path = write(tmp_path / "voice.wav", white_noise(4.0, 16_000), 16_000)
    with pytest.raises(AudioTooLong, match=r"voice\.wav is longer than 0\.05 minutes"):
        inspect(
            decoder,
            path,
            filename="voice.wav",
            limits=DecodeLimits(max_duration_s=3.0, memory_bytes=512 * 2**20),
            progress=lambda _fraction: None,
        )


def test_what_cannot_be_decoded_is_refused(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> None:
    (tmp_path / "voice.wav").write_text("hello")
    with pytest.raises(AudioUnreadable, match=r"voice\.wav"):
        inspect(decoder, tmp_path / "voice.wav", filename="voice.wav", limits=limits, progress=lambda _fraction: None)


def test_a_recording_that_breaks_off_is_measured_with_a_warning(
    decoder: Decoder, limits: DecodeLimits, tmp_path: Path
) -> None:
    speech, rate_hz = clean_speech()
    whole = wav_bytes(speech, rate_hz)
    (tmp_path / "voice.wav").write_bytes(whole[: len(whole) // 2])
    found = inspect(
        decoder, tmp_path / "voice.wav", filename="voice.wav", limits=limits, progress=lambda _fraction: None
    )
    assert found.duration_s == pytest.approx(speech.shape[1] / rate_hz / 2, abs=0.1)
    assert found.warnings[0].startswith("truncated:")


def test_progress_grows_from_nothing_to_all(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> None:
    path = write(tmp_path / "voice.wav", np.tile(clean_speech()[0], 3), clean_speech()[1])
    seen: list[float] = []
    inspect(decoder, path, filename="voice.wav", limits=limits, progress=seen.append)
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(set(seen))
    assert len(seen) > 10


def test_a_lost_claim_ends_the_work_and_leaves_nothing(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> None:
    path = write(tmp_path / "voice.wav", white_noise(60.0, 48_000), 48_000)
    decoder.start()
    before = len(os.listdir("/dev/fd"))

    def refuse(fraction: float) -> None:
        if fraction > 0.1:
            raise LookupError("claim lost")

    with pytest.raises(LookupError):
        inspect(decoder, path, filename="voice.wav", limits=limits, progress=refuse)
    assert len(os.listdir("/dev/fd")) == before
    assert until(lambda: not psutil.Process(decoder.host_pid).children())
