import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.audio.signals import clean_speech, tone, white_noise
from worker.audio.measure.true_peak import TruePeakMeter


def measured(samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]], rate_hz: int, piece: int = 16_384) -> float:
    meter = TruePeakMeter(rate_hz)
    for start in range(0, samples.shape[1], piece):
        meter.add(samples[:, start : start + piece])
    return meter.conclude()


def test_a_tone_between_the_samples_is_found() -> None:
    times = np.arange(48_000)
    sound = (0.5 * np.sin(2 * np.pi * times / 4 + np.pi / 4)).astype(np.float32)[None]  # samples at 0.354 of 0.5
    assert 20 * np.log10(np.abs(sound).max()) == pytest.approx(-9.03, abs=0.01)
    assert measured(sound, 48_000) == pytest.approx(-6.02, abs=0.6)


@pytest.mark.parametrize("piece", [1, 100, 5_000, 48_000])
def test_how_the_stream_is_cut_does_not_matter(piece: int) -> None:
    sound = white_noise(0.3, 16_000) * np.linspace(0.1, 1, 4_800, dtype=np.float32)
    assert measured(sound, 16_000, piece) == pytest.approx(measured(sound, 16_000), abs=1e-6)


def test_speech_peaks_as_high_as_the_whole_of_it_oversampled() -> None:
    speech, rate_hz = clean_speech()
    fine = soxr.resample(speech[0], rate_hz, 4 * rate_hz, quality="MQ")
    assert measured(speech, rate_hz) == pytest.approx(20 * np.log10(np.abs(fine).max()), abs=0.02)


def test_a_late_peak_and_an_early_one_are_found() -> None:
    quiet = tone(1.0, 16_000, amplitude=0.01)
    for place in (0, 8_000, 15_999):
        sound = quiet.copy()
        sound[0, place] = 0.9
        assert measured(sound, 16_000) >= 20 * np.log10(0.89)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5_000), st.floats(0, 1, width=32))
def test_it_is_never_under_the_samples_own_peak(frames: int, amplitude: float) -> None:
    sound = white_noise(1.0, 5_000)[:, :frames] * np.float32(amplitude)
    found = measured(sound, 8_000)
    assert np.isfinite(found)
    peak = float(np.abs(sound).max(initial=0.0))
    assert found >= 20 * np.log10(max(peak, 1e-6)) - 1e-3
