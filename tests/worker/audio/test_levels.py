import numpy as np
import pytest

from tests.worker.audio.signals import tone
from worker.audio.decibels import powers_to_db
from worker.audio.levels import HighPass, LevelMeter, frame_meter


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


@pytest.mark.parametrize("rate_hz", [8_000, 48_000, 192_000])
@pytest.mark.parametrize(
    ("hz", "least_db", "most_db"), [(20, -90, -40), (50, -20, -14), (80, -4, -2), (300, -0.1, 0.1)]
)
def test_the_high_pass_takes_away_what_lies_below_the_voice(
    rate_hz: int, hz: float, least_db: float, most_db: float
) -> None:
    sound = tone(2.0, rate_hz, hz=hz, amplitude=1.0)
    powers = frame_meter(1, rate_hz)
    powers.add(HighPass(rate_hz).filter(sound))
    settled = powers.powers()[0, 100:].mean() * 2
    assert least_db < powers_to_db(np.array([settled]))[0] < most_db


def test_the_filter_goes_on_from_block_to_block() -> None:
    sound = tone(1.0, 16_000)
    whole, pieces = HighPass(16_000), HighPass(16_000)
    joined = np.concatenate([pieces.filter(sound[:, start : start + 999]) for start in range(0, 16_000, 999)], axis=1)
    assert np.allclose(whole.filter(sound), joined, atol=1e-12)


def test_an_offset_is_no_sound_at_the_start() -> None:
    assert np.abs(HighPass(16_000).filter(np.full((1, 1_000), 0.7, np.float32))).max() < 1e-6
