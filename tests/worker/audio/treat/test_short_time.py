import numpy as np
import pytest

from tests.worker.audio.signals import white_noise
from worker.audio.treat.short_time import LibrosaShortTime, ShortTime, power


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


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_it_is_librosas(rate_hz: int) -> None:
    own, librosas, noise = ShortTime(rate_hz), LibrosaShortTime(rate_hz), white_noise(0.7, rate_hz)
    spectrum, expected = own.spectrum(noise), librosas.spectrum(noise)
    assert (spectrum.shape, spectrum.dtype) == (expected.shape, expected.dtype)
    assert np.allclose(spectrum, expected, atol=1e-4)
    # Where hardly a frame reaches, rounding is divided by almost nothing.
    inner = slice(own.hop, -2 * own.frame)
    again, wanted = (each.samples(expected, noise.shape[1]) for each in (own, librosas))
    assert (again.shape, again.dtype) == (wanted.shape, wanted.dtype)
    assert np.allclose(again[:, inner], wanted[:, inner], atol=1e-5)
