import numpy as np
import pytest

from tests.worker.audio.signals import white_noise
from worker.audio.treat.short_time import ShortTime, power


@pytest.mark.parametrize(("rate_hz", "frame"), [(8_000, 256), (16_000, 512), (44_100, 1_024), (48_000, 2_048)])
def test_frames_are_a_power_of_two_of_about_thirty_milliseconds(rate_hz: int, frame: int) -> None:
    assert ShortTime(rate_hz).frame == frame


def test_there_and_back_gives_the_samples_again() -> None:
    transform, noise = ShortTime(16_000), white_noise(1.0, 16_000)
    spectrum = transform.spectrum(noise)
    again = transform.samples(spectrum, noise.shape[1])
    inner = slice(transform.frame, -2 * transform.frame)
    assert spectrum.dtype == np.complex64
    assert np.abs(again[:, inner] - noise[:, inner]).max() < 1e-5


def test_power_is_never_zero() -> None:
    assert (power(np.zeros((1, 4, 3), np.complex64)) > 0).all()
