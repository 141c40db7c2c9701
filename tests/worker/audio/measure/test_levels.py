import numpy as np
import pytest

from tests.worker.audio.signals import tone
from worker.audio.measure.levels import LevelMeter


def test_a_sines_peak_and_power_are_known() -> None:
    meter = LevelMeter(1)
    sound = tone(1.0, 48_000, hz=1_000, amplitude=0.5) + 0.1
    for start in range(0, 48_000, 10_000):
        meter.add(sound[:, start : start + 10_000])
    assert meter.peak(0) == pytest.approx(0.6, abs=1e-4)
    assert meter.offset(0) == pytest.approx(0.1, abs=1e-4)
    assert meter.power(0) == pytest.approx(0.125, rel=1e-3)


def test_the_peak_may_be_negative() -> None:
    meter = LevelMeter(1)
    meter.add(np.array([[0.1, -0.9]], np.float32))
    assert meter.peak(0) == pytest.approx(0.9)
