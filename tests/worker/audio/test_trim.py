import numpy as np
import pytest

from tests.worker.audio.signals import Samples, clean_speech, in_noise, silence, white_noise
from worker.audio.activity import find_activity
from worker.audio.levels import HighPass, frame_meter
from worker.audio.trim import PAD_AFTER_S, PAD_BEFORE_S, Span, trim_ends


def _trimmed(sound: Samples, rate_hz: int) -> Span:
    meter = frame_meter(1, rate_hz)
    meter.add(HighPass(rate_hz).filter(sound))
    return trim_ends(find_activity(meter.powers()[0]), sound.shape[1] / rate_hz)


def _with_ends(lead_s: float, tail_s: float) -> tuple[Samples, int, float]:
    speech, rate_hz = clean_speech()
    sound = np.concatenate((silence(lead_s, rate_hz), speech, silence(tail_s, rate_hz)), axis=1)
    return sound, rate_hz, speech.shape[1] / rate_hz


@pytest.mark.parametrize("snr_db", [15.0, 20.0, 30.0, 40.0])
def test_noise_before_and_after_the_speech_is_cut_with_a_pad(snr_db: float) -> None:
    sound, rate_hz, speech_s = _with_ends(1.5, 1.5)
    span = _trimmed(in_noise(sound, snr_db), rate_hz)
    assert 1.2 < span.start_s < 1.55
    assert 1.5 + speech_s - 0.5 < span.end_s < 1.5 + speech_s + 0.4


def test_no_loud_sound_of_the_speech_is_lost() -> None:
    sound, rate_hz, _ = _with_ends(1.5, 1.5)
    span = _trimmed(in_noise(sound, 15.0), rate_hz)
    loud = np.flatnonzero(np.abs(sound[0]) > 0.03) / rate_hz
    assert span.start_s < loud[0]
    assert span.end_s > loud[-1]


def test_speech_from_end_to_end_is_kept_whole() -> None:
    speech, rate_hz = clean_speech()
    spoken = np.flatnonzero(np.abs(speech[0]) > 0.02)
    speech = speech[:, spoken[0] : spoken[-1]]
    span = _trimmed(in_noise(speech, 30.0), rate_hz)
    assert span.start_s < 0.02
    assert span.end_s > speech.shape[1] / rate_hz - 0.02


def test_speech_that_drowns_in_noise_is_not_cut() -> None:
    sound, rate_hz, _ = _with_ends(1.5, 1.5)
    assert _trimmed(in_noise(sound, 0.0), rate_hz) == Span(0.0, sound.shape[1] / rate_hz)


def test_noise_alone_is_not_cut() -> None:
    assert _trimmed(white_noise(4.0, 16_000), 16_000) == Span(0.0, 4.0)


def test_a_click_in_the_lead_is_no_speech() -> None:
    sound, rate_hz, _ = _with_ends(1.5, 1.5)
    sound[0, rate_hz // 4 : rate_hz // 4 + 20] = 0.9
    assert _trimmed(in_noise(sound, 30.0), rate_hz).start_s > 1.2


def test_pads_are_as_declared() -> None:
    powers = np.full(700, 1e-7, np.float32)
    powers[200:500] = 1e-2
    span = trim_ends(find_activity(powers), 7.0)
    assert span.start_s == pytest.approx(2.0 - 0.02 - PAD_BEFORE_S, abs=0.011)
    assert span.end_s == pytest.approx(5.0 + 0.02 + PAD_AFTER_S, abs=0.011)


def test_a_single_word_is_not_cut_to_less_than_a_second() -> None:
    powers = np.full(500, 1e-7, np.float32)
    powers[200:220] = 1e-2
    assert trim_ends(find_activity(powers), 5.0) == Span(0.0, 5.0)
