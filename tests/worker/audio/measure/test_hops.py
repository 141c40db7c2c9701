import numpy as np
import pytest

from tests.worker.audio.signals import white_noise
from worker.audio.measure.hops import HopPowers


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 48_000])
@pytest.mark.parametrize("block_frames", [1, 7, 110, 441, 5_000])
def test_powers_do_not_depend_on_the_blocks(rate_hz: int, block_frames: int) -> None:
    noise = white_noise(0.25, rate_hz, channels=2)
    whole, pieces = HopPowers(2, rate_hz, 0.01), HopPowers(2, rate_hz, 0.01)
    whole.add(noise)
    for start in range(0, noise.shape[1], block_frames):
        pieces.add(noise[:, start : start + block_frames])
    assert whole.powers().shape == (2, 25)
    assert np.allclose(whole.powers(), pieces.powers(), rtol=1e-5)


def test_the_power_of_a_constant_is_its_square() -> None:
    meter = HopPowers(1, 11_025, 0.01)
    meter.add(np.full((1, 11_025), 0.5, np.float32))
    assert meter.powers().shape == (1, 100)
    assert np.allclose(meter.powers(), 0.25)


def test_a_hop_that_is_not_complete_is_not_counted() -> None:
    meter = HopPowers(1, 1_000, 0.01)
    assert meter.powers().shape == (1, 0)
    meter.add(np.ones((1, 19), np.float32))
    assert meter.powers().shape == (1, 1)
