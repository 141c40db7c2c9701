import numpy as np
import pyloudnorm
import pytest

from tests.worker.audio.signals import Samples, clean_speech, silence, speech_like, tone, white_noise
from worker.audio.measure.loudness import LoudnessMeter, integrated_lufs, k_weighting, steps_of
from worker.audio.tracks import Span


def _measured(sound: Samples, rate_hz: int, block_frames: int = 10_000) -> float | None:
    meter = LoudnessMeter(1, rate_hz)
    for start in range(0, sound.shape[1], block_frames):
        meter.add(sound[:, start : start + block_frames])
    return meter.integrated_lufs()


def test_a_full_scale_sine_of_997_hz_has_minus_3_01_lufs() -> None:
    assert _measured(tone(5.0, 48_000, hz=997, amplitude=1.0), 48_000) == pytest.approx(-3.01, abs=0.01)


def test_the_filter_is_the_standards_at_48_khz() -> None:
    shelf, cut = k_weighting(48_000)
    assert shelf[:3] == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285], abs=1e-7)
    assert shelf[4:] == pytest.approx([-1.69065929318241, 0.73248077421585], abs=1e-7)
    assert cut[:3] == pytest.approx([1.0, -2.0, 1.0], abs=1e-9)
    assert cut[4:] == pytest.approx([-1.99004745483398, 0.99007225036621], abs=1e-7)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_it_agrees_with_pyloudnorm(rate_hz: int) -> None:
    sound = np.concatenate(
        (white_noise(2.0, rate_hz, rms=0.01), speech_like(6.0, rate_hz), silence(1.0, rate_hz)), axis=1
    )
    expected = pyloudnorm.Meter(rate_hz).integrated_loudness(sound[0].astype(np.float64))
    assert _measured(sound, rate_hz) == pytest.approx(expected, abs=0.1)


def test_it_agrees_with_pyloudnorm_on_speech() -> None:
    sound, rate_hz = clean_speech()
    expected = pyloudnorm.Meter(rate_hz).integrated_loudness(sound[0].astype(np.float64))
    assert _measured(sound, rate_hz) == pytest.approx(expected, abs=0.1)


def test_it_does_not_depend_on_the_blocks() -> None:
    sound = speech_like(3.0, 22_050)
    assert _measured(sound, 22_050, 333) == pytest.approx(_measured(sound, 22_050, 50_000), abs=1e-4)


def test_rows_are_measured_apart() -> None:
    meter = LoudnessMeter(2, 16_000)
    loud = white_noise(2.0, 16_000)
    meter.add(np.concatenate((loud, loud / 10)))
    first, second = meter.integrated_lufs(0), meter.integrated_lufs(1)
    assert first is not None
    assert second == pytest.approx(first - 20, abs=1e-3)


def test_silence_and_less_than_one_block_have_none() -> None:
    assert _measured(silence(2.0, 16_000), 16_000) is None
    assert _measured(tone(0.39, 16_000), 16_000) is None
    assert LoudnessMeter(1, 16_000).integrated_lufs() is None


def test_cuts_have_the_loudness_that_their_steps_tell() -> None:
    sound = np.concatenate((speech_like(3.0, 16_000), white_noise(2.0, 16_000, rms=0.01), speech_like(3.0, 16_000)), 1)
    meter = LoudnessMeter(1, 16_000)
    meter.add(sound)
    cut = np.concatenate((sound[:, 8_000 : 3 * 16_000], sound[:, 5 * 16_000 : 7 * 16_000]), 1)
    steps = steps_of(meter.steps(), (Span(0.5, 3.0), Span(5.0, 7.0)))
    assert integrated_lufs(steps) == pytest.approx(_measured(cut, 16_000), abs=0.05)
    assert integrated_lufs(steps_of(meter.steps(), ())) is None
