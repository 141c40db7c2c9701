import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.worker.audio.signals import Samples, silence, spoken, tone
from worker.audio.measure.clipping import Clipping, ClippingMeter


def _meter(sound: Samples, rate_hz: int, block_frames: int = 48_000) -> ClippingMeter:
    meter = ClippingMeter(rate_hz)
    for start in range(0, sound.shape[1], block_frames):
        meter.add(sound[:, start : start + block_frames])
    return meter


def _measured(sound: Samples, rate_hz: int) -> Clipping:
    return _meter(sound, rate_hz).result()


def _rounded(sound: Samples, bits: int = 16) -> Samples:
    steps = 2 ** (bits - 1)
    return (np.round(np.clip(sound, -1, 1) * (steps - 1)) / steps).astype(np.float32)


def _voice(rate_hz: int, duration_s: float = 8.0) -> Samples:
    voice = spoken(duration_s, rate_hz)
    return (voice / np.abs(voice).max()).astype(np.float32)


def _driven(rate_hz: int, gain_db: float) -> Samples:
    return _rounded(_voice(rate_hz) * np.float32(10 ** (gain_db / 20)))


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("bits", [8, 16, 24])
def test_a_whole_voice_has_no_flat_tops_at_any_rate_and_depth(rate_hz: int, bits: int) -> None:
    assert _measured(_rounded(0.97 * _voice(rate_hz), bits), rate_hz).flat_tops_per_10k == 0


@pytest.mark.parametrize("hz", [40.0, 100.0, 250.0])
@pytest.mark.parametrize("rate_hz", [48_000, 96_000, 192_000])
def test_round_crests_of_low_pitch_are_not_flat(hz: float, rate_hz: int) -> None:
    assert _measured(_rounded(tone(2.0, rate_hz, hz=hz, amplitude=0.99)), rate_hz).flat_tops_per_10k == 0


@pytest.mark.parametrize("gain_db", [3.0, 6.0, 12.0])
def test_an_overdriven_voice_has_flat_tops(gain_db: float) -> None:
    assert _measured(_driven(48_000, gain_db), 48_000).flat_tops_per_10k > 0.5


def test_more_drive_leaves_more_flat_tops() -> None:
    found = [_measured(_driven(44_100, gain_db), 44_100).flat_tops_per_10k for gain_db in (3.0, 6.0, 12.0)]
    assert found == sorted(found)


def test_a_clipped_tone_is_counted_exactly() -> None:
    sound = np.tile(np.concatenate((np.linspace(-0.5, 0.4, 90), np.full(10, 0.5))), 480)[None].astype(np.float32)
    assert _measured(sound, 48_000).flat_tops_per_10k == pytest.approx(1_000, rel=0.02)


@pytest.mark.parametrize("gain", [0.5, 0.1, 0.03])
def test_lowering_the_volume_afterwards_hides_nothing(gain: float) -> None:
    before = _measured(_driven(44_100, 6.0), 44_100).flat_tops_per_10k
    assert _measured(_rounded(np.float32(gain) * _driven(44_100, 6.0)), 44_100).flat_tops_per_10k == pytest.approx(
        before, rel=0.1
    )


def test_what_resampling_hides_is_seen_in_the_pile_up() -> None:
    def resampled(sound: Samples) -> Clipping:
        return _measured(soxr.resample(sound[0], 48_000, 44_100)[None].astype(np.float32), 44_100)

    whole, driven = resampled(_voice(48_000)), resampled(_driven(48_000, 12.0) * np.float32(0.7))
    assert driven.pile_up > 30 > whole.pile_up
    assert driven.crest_db < whole.crest_db - 3


def test_flat_tops_are_told_for_every_second() -> None:
    whole = np.float32(0.9) * _voice(16_000, 5.0)
    sound = np.concatenate((whole, np.clip(4 * whole, -0.9, 0.9), whole[:, :8_000]), axis=1)
    per_s = _meter(sound, 16_000).flat_tops_per_s
    assert per_s.dtype == np.int32
    assert per_s.size == 11
    assert per_s[:5].sum() == 0
    assert (per_s[5:10] > 0).sum() >= 4


def test_a_clipped_take_is_found_beside_a_louder_one() -> None:
    whole = _voice(16_000, 4.0)
    sound = np.concatenate((whole, np.clip(4 * whole, -1, 1) * np.float32(0.5)), axis=1)
    assert _meter(sound, 16_000).flat_tops_per_s[4:].sum() > 0


def test_a_click_is_not_clipping() -> None:
    sound = np.float32(0.3) * _voice(16_000)
    sound[0, 5_000:5_004] = 1.0
    assert _measured(sound, 16_000).flat_tops_per_10k == 0


def test_the_size_of_the_blocks_does_not_matter() -> None:
    sound = _driven(22_050, 6.0)
    assert _meter(sound, 22_050, 777).result() == _meter(sound, 22_050, 100_000).result()


@pytest.mark.parametrize(
    "sound",
    [
        silence(2.0, 8_000),
        -silence(2.0, 8_000),
        np.ones((1, 16_000), np.float32),
        np.zeros((1, 0), np.float32),
        tone(0.001, 8_000),
    ],
)
def test_odd_sounds_are_survived(sound: Samples) -> None:
    found = _measured(sound, 8_000)
    assert np.isfinite([found.flat_tops_per_10k, found.pile_up, found.crest_db]).all()


def test_a_full_scale_square_wave_is_clipped_throughout() -> None:
    square = np.sign(tone(2.0, 48_000, hz=200.5) + np.float32(1e-9)).astype(np.float32)
    found = _measured(square, 48_000)
    assert found.flat_tops_per_10k > 9_000
    assert found.crest_db < 0.5


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, st.integers(0, 3_000), elements=st.floats(-8, 8, width=32)))
def test_any_finite_sound_gives_finite_figures(values: Samples) -> None:
    meter = _meter(values[None], 1_000, 700)
    found = meter.result()
    assert 0 <= found.flat_tops_per_10k <= 10_000
    assert 0 <= found.pile_up <= 10_000
    assert np.isfinite(found.crest_db)
    assert meter.flat_tops_per_s.size == -(-values.size // 1_000)


@pytest.mark.parametrize("offset", [-0.9, -0.5, 0.3, 0.6, 0.9])
def test_an_offset_is_no_clipping(offset: float) -> None:
    voice = np.float32(0.09) * _voice(44_100)
    plain, moved = _measured(_rounded(voice, 24), 44_100), _measured(_rounded(voice + np.float32(offset), 24), 44_100)
    assert moved.flat_tops_per_10k == 0
    assert moved.pile_up == pytest.approx(plain.pile_up, abs=12)
    assert moved.pile_up < 35
    assert moved.crest_db == pytest.approx(plain.crest_db, abs=0.5)


@pytest.mark.parametrize("offset", [-0.6, 0.3, 0.6])
def test_an_offset_hides_no_clipping_of_the_side_that_it_leans_to(offset: float) -> None:
    cut = _rounded(np.clip(_voice(48_000) + np.float32(offset), -0.99, 0.99))
    assert _measured(cut, 48_000).flat_tops_per_10k > 0.5
    resampled = soxr.resample(np.float32(0.7) * cut[0], 48_000, 44_100)[None].astype(np.float32)
    if abs(offset) > 0.5:
        assert _measured(resampled, 44_100).pile_up > 35
