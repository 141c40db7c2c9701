import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.worker.audio.signals import Samples, silence, speech_like, spoken, tone, white_noise
from worker.audio.measure.bandwidth import MAX_FRAMES, Bandwidth, BandwidthMeter


def _measured(sound: Samples, rate_hz: int, block_frames: int = 48_000) -> Bandwidth | None:
    meter = BandwidthMeter(rate_hz)
    for start in range(0, sound.shape[1], block_frames):
        meter.add(sound[:, start : start + block_frames])
    return meter.result()


def _through(sound: Samples, rate_hz: int, narrow_hz: int) -> Samples:
    narrow = soxr.resample(sound[0], rate_hz, narrow_hz)
    return soxr.resample(narrow, narrow_hz, rate_hz)[None].astype(np.float32)


@pytest.mark.parametrize("narrow_hz", [8_000, 16_000, 24_000])
def test_upsampled_sound_ends_where_it_ended_before(narrow_hz: int) -> None:
    found = _measured(_through(speech_like(5.0, 48_000), 48_000, narrow_hz), 48_000)
    assert found is not None
    assert found.edge_hz == pytest.approx(narrow_hz / 2, rel=0.05)
    assert found.cliff_db > 40


@pytest.mark.parametrize("noise_db", [-96.0, -80.0, -65.0])
def test_noise_up_to_the_top_does_not_hide_a_telephone(noise_db: float) -> None:
    voice = _through(spoken(6.0, 48_000), 48_000, 8_000)
    voice *= np.float32(0.7 / np.abs(voice).max())
    found = _measured(voice + white_noise(6.0, 48_000, rms=10 ** (noise_db / 20)), 48_000)
    assert found is not None
    assert 3_000 < found.edge_hz < 4_200


def test_a_wide_voice_in_noise_is_no_telephone() -> None:
    voice = spoken(6.0, 16_000)
    found = _measured(voice + white_noise(6.0, 16_000, rms=0.003), 16_000)
    assert found is not None
    assert found.edge_hz > 7_000


def test_white_noise_goes_up_to_the_top_without_a_cliff() -> None:
    found = _measured(white_noise(3.0, 48_000), 48_000)
    assert found is not None
    assert found.edge_hz == pytest.approx(24_000, rel=0.01)
    assert found.cliff_db < 6


def test_a_recording_at_8_khz_ends_below_4_khz() -> None:
    found = _measured(speech_like(3.0, 8_000), 8_000)
    assert found is not None
    assert found.edge_hz <= 4_000


@pytest.mark.parametrize("sound", [silence(2.0, 48_000), silence(0.0, 48_000), np.ones((1, 96_000), np.float32)])
def test_where_nothing_sounds_there_is_no_edge(sound: Samples) -> None:
    assert _measured(sound, 48_000) is None


def test_the_size_of_the_blocks_does_not_matter() -> None:
    sound = speech_like(3.3, 22_050)
    assert _measured(sound, 22_050, 500) == _measured(sound, 22_050, 90_000)


def test_hours_keep_no_more_than_minutes() -> None:
    meter = BandwidthMeter(8_000)
    block = speech_like(10.0, 8_000)
    for _ in range(60):
        meter.add(block)
    assert sum(part.shape[0] for part in meter._kept) <= MAX_FRAMES
    found = meter.result()
    assert found is not None
    assert found.edge_hz <= 4_000


def test_a_full_scale_square_wave_is_survived() -> None:
    assert _measured(np.sign(tone(1.0, 48_000)).astype(np.float32), 48_000) is not None


@settings(max_examples=40, deadline=None)
@given(
    values=hnp.arrays(np.float32, st.integers(0, 20_000), elements=st.floats(-8, 8, width=32)),
    rate_hz=st.sampled_from([8_000, 11_025, 48_000, 192_000]),
)
def test_any_finite_sound_gives_finite_figures(values: Samples, rate_hz: int) -> None:
    found = _measured(values[None], rate_hz)
    assert found is None or (0 <= found.edge_hz <= rate_hz / 2 and 0 <= found.cliff_db < 500)
