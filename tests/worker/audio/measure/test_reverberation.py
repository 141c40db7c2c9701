import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.worker.audio.signals import Samples, in_noise, silence, spoken, white_noise
from worker.audio.measure.reverberation import reverberation_s
from worker.audio.measure.surveyor import survey
from worker.audio.tracks import BANDS, Tracks

RATE_HZ = 16_000


def _room(t60_s: float, direct_db: float) -> Samples:
    """An exponentially decaying noise behind a direct sound that has this much more energy."""
    times = np.arange(round(1.3 * t60_s * RATE_HZ)) / RATE_HZ
    tail = white_noise(times.size / RATE_HZ, RATE_HZ, seed=7)[0, : times.size] * 10 ** (-3 * times / t60_s)
    tail[:40] = 0
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.square(tail).sum())
    tail[0] = 1
    return tail.astype(np.float32)


def _in_room(t60_s: float, direct_db: float) -> Tracks:
    voice = spoken(12.0, RATE_HZ)[0]
    sound = scipy.signal.fftconvolve(voice, _room(t60_s, direct_db))[: voice.size]
    return survey((0.5 * sound / np.abs(sound).max()).astype(np.float32), RATE_HZ)


def test_a_dry_voice_has_no_echo() -> None:
    found = reverberation_s(survey(spoken(12.0, RATE_HZ)[0], RATE_HZ))
    assert found is not None
    assert found < 0.25


@pytest.mark.parametrize("direct_db", [0.0, 3.0])
def test_a_strong_echo_reads_near_its_time(direct_db: float) -> None:
    found = reverberation_s(_in_room(0.7, direct_db))
    assert found is not None
    assert 0.45 < found < 0.95


def test_a_longer_echo_reads_longer() -> None:
    short, long = reverberation_s(_in_room(0.35, 0.0)), reverberation_s(_in_room(0.7, 0.0))
    assert short is not None
    assert long is not None
    assert 0.25 < short < long


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0, 30.0])
def test_noise_is_not_taken_for_echo(snr_db: float) -> None:
    found = reverberation_s(survey(in_noise(spoken(12.0, RATE_HZ), snr_db)[0], RATE_HZ))
    assert found is None or found < 0.3


@pytest.mark.parametrize("sound", [white_noise(5.0, RATE_HZ), silence(5.0, RATE_HZ), np.ones((1, 50_000), np.float32)])
def test_without_words_there_is_nothing_to_say(sound: Samples) -> None:
    assert reverberation_s(survey(sound[0], RATE_HZ)) is None


def test_a_recording_shorter_than_a_window_is_survived() -> None:
    assert reverberation_s(survey(np.zeros(100, np.float32), RATE_HZ)) is None


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float16,
        st.tuples(st.integers(0, 150).map(lambda n: 2 * n), st.just(BANDS)),
        elements=st.floats(-100, 40, width=16),
    )
)
def test_any_bands_give_a_finite_figure(bands_db: np.ndarray) -> None:
    windows = bands_db.shape[0] // 2
    flat = np.zeros(windows, np.float32)
    found = reverberation_s(Tracks(flat, flat, np.ones(windows, bool), bands_db, "silero"))
    assert found is None or 0 < found < 60
