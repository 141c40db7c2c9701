import numpy as np
import pytest

from tests.worker.audio.signals import tone
from worker.audio.measure.levels import LevelMeter, listening_gain


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


@pytest.mark.parametrize("level_db", [-31.0, -54.0, -100.0, -160.0])
def test_what_is_quiet_is_brought_to_a_usual_level(level_db: float) -> None:
    powers = np.full(200, 10 ** (level_db / 10))
    assert 20 * np.log10(listening_gain(powers)) == pytest.approx(-20.0 - level_db)


def test_what_is_loud_enough_or_nothing_at_all_stays_as_it_is() -> None:
    assert listening_gain(np.full(200, 1e-2)) == 1.0
    assert listening_gain(np.zeros(200)) == 1.0
    assert listening_gain(np.zeros(0)) == 1.0


def test_a_click_is_not_the_level_and_a_few_words_are() -> None:
    quiet = np.full(36_000, 1e-8)
    clicked, spoken = quiet.copy(), quiet.copy()
    clicked[:3], spoken[100:130] = 1.0, 1e-2
    assert listening_gain(clicked) == pytest.approx(1_000.0)
    assert listening_gain(spoken) == 1.0
