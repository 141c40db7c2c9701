import numpy as np
import pytest

from tests.worker.audio.signals import Samples, clean_speech, in_noise, silence
from worker.audio.hops import Powers
from worker.audio.levels import HighPass, frame_meter
from worker.audio.noise import estimate_snr_db


def _powers(sound: Samples, rate_hz: int) -> Powers:
    meter = frame_meter(1, rate_hz)
    meter.add(HighPass(rate_hz).filter(sound))
    return np.asarray(meter.powers()[0])


@pytest.mark.parametrize("snr_db", [5.0, 10.0, 15.0, 20.0, 25.0])
def test_a_known_ratio_is_found(snr_db: float) -> None:
    speech, rate_hz = clean_speech()
    assert estimate_snr_db(_powers(in_noise(speech, snr_db), rate_hz)) == pytest.approx(snr_db, abs=3.5)


def test_clean_speech_is_clean_and_noise_is_not() -> None:
    speech, rate_hz = clean_speech()
    clean = estimate_snr_db(_powers(speech, rate_hz))
    noise = estimate_snr_db(_powers(in_noise(silence(3.0, 16_000), 0.0), 16_000))
    assert clean is not None
    assert noise is not None
    assert clean > 28
    assert noise < 0


def test_digital_silence_says_nothing_of_the_room() -> None:
    speech, rate_hz = clean_speech()
    noisy = in_noise(speech, 12.0)
    cut = np.concatenate((silence(3.0, rate_hz), noisy), axis=1)
    before, after = estimate_snr_db(_powers(noisy, rate_hz)), estimate_snr_db(_powers(cut, rate_hz)[310:])
    assert before == pytest.approx(after, abs=0.7)


def test_too_little_sound_is_not_judged() -> None:
    assert estimate_snr_db(np.ones(20, np.float32)) is None
    assert estimate_snr_db(np.zeros(1000, np.float32)) is None
