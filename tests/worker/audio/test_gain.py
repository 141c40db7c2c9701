import numpy as np
import pytest

from tests.worker.audio.signals import tone, white_noise
from worker.audio.gain import MAX_TRUE_PEAK_DBTP, TARGET_LUFS, TruePeakMeter, plan_gain_db


def test_loudness_decides_where_peaks_allow_it() -> None:
    assert plan_gain_db(-30.0, -20.0) == pytest.approx(10.0)
    assert plan_gain_db(-10.0, -1.0) == pytest.approx(TARGET_LUFS + 10.0)


def test_peaks_decide_where_the_loudness_would_be_too_much() -> None:
    assert plan_gain_db(-30.0, -8.0) == pytest.approx(MAX_TRUE_PEAK_DBTP + 8.0)


def test_unknown_loudness_changes_nothing_but_peaks_that_are_too_high() -> None:
    assert plan_gain_db(None, -10.0) == 0.0
    assert plan_gain_db(None, 0.0) == MAX_TRUE_PEAK_DBTP


def test_a_peak_between_the_samples_is_found() -> None:
    rate_hz = 48_000
    phase = np.arange(rate_hz) * np.pi / 2 + np.pi / 4  # a quarter of the rate: samples miss the peak by 3 dB
    sound = np.sin(phase)[None].astype(np.float32)
    assert np.abs(sound).max() == pytest.approx(np.sqrt(0.5), abs=1e-3)
    meter = TruePeakMeter(rate_hz)
    ramp = np.minimum(np.arange(rate_hz) / 4_800, 1.0)
    meter.add((sound * ramp * ramp[::-1]).astype(np.float32), is_last=True)
    assert meter.peak_dbtp == pytest.approx(0.0, abs=0.1)


def test_the_peak_does_not_depend_on_the_blocks() -> None:
    sound = white_noise(2.0, 24_000)
    whole, pieces = TruePeakMeter(24_000), TruePeakMeter(24_000)
    whole.add(sound, is_last=True)
    for start in range(0, sound.shape[1], 7_000):
        pieces.add(sound[:, start : start + 7_000])
    pieces.add(np.zeros((1, 0), np.float32), is_last=True)
    assert whole.peak_dbtp == pytest.approx(pieces.peak_dbtp, abs=1e-3)


def test_silence_has_a_peak_that_json_can_hold() -> None:
    meter = TruePeakMeter(16_000)
    meter.add(0 * tone(1.0, 16_000), is_last=True)
    assert meter.peak_dbtp == -120.0
