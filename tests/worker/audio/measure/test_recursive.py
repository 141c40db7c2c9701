import numpy as np
import numpy.typing as npt
import pytest
import scipy.signal

from tests.worker.audio.signals import white_noise
from worker.audio.measure.loudness import k_weighting
from worker.audio.measure.recursive import RecursiveFilter, high_pass

HIGH_PASS = high_pass(80.0, 4, 16_000)


@pytest.mark.parametrize(("cut_hz", "order", "rate_hz"), [(80.0, 4, 16_000), (80.0, 2, 8_000), (500.0, 6, 48_000)])
def test_the_high_pass_is_butterworths(cut_hz: float, order: int, rate_hz: int) -> None:
    expected = scipy.signal.butter(order, cut_hz, "highpass", fs=rate_hz, output="sos")
    responses = [scipy.signal.sosfreqz(each)[1] for each in (high_pass(cut_hz, order, rate_hz), expected)]
    assert np.allclose(*responses, atol=1e-9)


@pytest.mark.parametrize("sections", [HIGH_PASS, k_weighting(48_000)])
@pytest.mark.parametrize("frames", [1, 63, 64, 65, 4_096, 20_001])
def test_it_agrees_with_scipy(sections: npt.NDArray[np.float64], frames: int) -> None:
    sound = white_noise(1.0, 48_000, channels=2)[:, :frames] + np.float32(0.2)
    settled = scipy.signal.sosfilt_zi(sections)[:, None, :] * sound.astype(np.float64)[None, :, :1]
    expected, _ = scipy.signal.sosfilt(sections, sound.astype(np.float64), axis=1, zi=settled)
    assert np.allclose(RecursiveFilter(sections, np.float64).take(sound), expected, atol=1e-9)
    filtered = RecursiveFilter(sections).take(sound)
    assert filtered.dtype == np.float32
    assert np.allclose(filtered, expected, atol=1e-6)


@pytest.mark.parametrize("piece", [1, 100, 999, 16_384])
def test_it_does_not_matter_how_the_stream_is_cut(piece: int) -> None:
    sound = white_noise(0.2 if piece == 1 else 1.0, 48_000, channels=2)
    whole, pieces = RecursiveFilter(HIGH_PASS), RecursiveFilter(HIGH_PASS)
    parts = [pieces.take(sound[:, start : start + piece]) for start in range(0, sound.shape[1], piece)]
    assert np.allclose(whole.take(sound), np.concatenate(parts, axis=1), atol=1e-6)


def test_an_offset_is_no_sound() -> None:
    assert np.abs(RecursiveFilter(HIGH_PASS).take(np.full((1, 5_000), 0.5, np.float32))).max() < 1e-5


def test_nothing_before_the_stream_is_no_beginning() -> None:
    filter_ = RecursiveFilter(HIGH_PASS)
    assert filter_.take(np.zeros((1, 0), np.float32)).shape == (1, 0)
    assert np.abs(filter_.take(np.full((1, 500), 0.5, np.float32))).max() < 1e-5
