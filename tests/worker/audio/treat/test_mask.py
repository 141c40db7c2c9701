import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.signals import Samples, in_noise, silence, spoken, tone, white_noise
from worker.audio.decibels import power_to_db
from worker.audio.scratch import Scratch
from worker.audio.treat import rnnoise
from worker.audio.treat.mask import MaskDenoiser

pytestmark = pytest.mark.skipif(not rnnoise.is_available(), reason="no pyrnnoise wheel for this system")


def _masked(
    folder: Path,
    sound: Samples,
    rate_hz: int,
    *,
    cap_db: float = 18.0,
    chunk_s: float = 4.0,
    span: tuple[int, int] | None = None,
) -> Samples:
    with Scratch(folder / "sound.f32", rate_hz) as scratch:
        scratch.append(sound)
        start, end = span or (0, scratch.frames)
        return np.concatenate(list(MaskDenoiser(scratch, cap_db=cap_db, chunk_s=chunk_s).blocks(start, end)), axis=1)


def _change_db(before: Samples, after: Samples) -> float:
    return power_to_db(float(np.square(after).mean() / np.square(before).mean()))


def _distortion_db(clean: Samples, other: Samples) -> float:
    """Scale-invariant signal-to-distortion ratio."""
    target = clean * np.vdot(clean, other) / np.vdot(clean, clean)
    return power_to_db(float(np.square(target).sum() / np.square(other - target).sum()))


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000])
def test_the_voice_comes_nearer_to_the_clean_one_at_every_rate(tmp_path: Path, rate_hz: int) -> None:
    clean = spoken(4.0, rate_hz)
    noisy = in_noise(clean, 10.0)
    assert _distortion_db(clean, _masked(tmp_path, noisy, rate_hz)) > _distortion_db(clean, noisy) + 3.0


@pytest.mark.parametrize("cap_db", [8.0, 12.0, 24.0])
def test_noise_goes_down_by_the_cap_and_no_further(tmp_path: Path, cap_db: float) -> None:
    noise = white_noise(3.0, 16_000, rms=0.02)
    settled = slice(16_000, None)
    change_db = _change_db(noise[:, settled], _masked(tmp_path, noise, 16_000, cap_db=cap_db)[:, settled])
    assert -cap_db - 0.1 < change_db < -cap_db + 2.0


def test_a_cap_of_nothing_changes_nothing(tmp_path: Path) -> None:
    noisy = in_noise(spoken(2.0, 24_000), 10.0)
    assert np.abs(_masked(tmp_path, noisy, 24_000, cap_db=0.0) - noisy).max() < 1e-5


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_a_clean_voice_keeps_its_wave(tmp_path: Path, rate_hz: int) -> None:
    voice = spoken(3.0, rate_hz)
    assert _distortion_db(voice, _masked(tmp_path, voice, rate_hz, cap_db=12.0)) > 15.0


def test_what_lies_above_sixteen_kilohertz_goes_with_what_lies_below(tmp_path: Path) -> None:
    rate_hz = 48_000
    hiss = white_noise(3.0, rate_hz, rms=0.02)
    spectrum = [
        np.square(np.abs(np.fft.rfft(sound[0, rate_hz:]))) for sound in (hiss, _masked(tmp_path, hiss, rate_hz))
    ]
    below, above = slice(26_000, 30_000), slice(42_000, 47_000)  # bins of half a hertz
    change_db = [power_to_db(float(spectrum[1][band].sum() / spectrum[0][band].sum())) for band in (below, above)]
    assert change_db[1] == pytest.approx(change_db[0], abs=1.0)


def test_the_same_part_gives_the_same_bits(tmp_path: Path) -> None:
    noisy = in_noise(spoken(3.0, 22_050), 10.0)
    first, again = (_masked(tmp_path, noisy, 22_050, span=(20_000, 60_001)) for _ in range(2))
    assert first.shape == (1, 40_001)
    assert np.array_equal(first, again)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
@pytest.mark.parametrize("chunk_s", [0.1, 0.7])
def test_the_result_does_not_depend_on_the_chunks(tmp_path: Path, chunk_s: float, rate_hz: int) -> None:
    noisy = in_noise(spoken(2.5, rate_hz), 10.0)
    span = (rate_hz // 3, rate_hz * 2)
    whole = _masked(tmp_path, noisy, rate_hz, chunk_s=100.0, span=span)
    assert np.abs(_masked(tmp_path, noisy, rate_hz, chunk_s=chunk_s, span=span) - whole).max() < 1e-5


def test_a_part_is_nearly_that_of_the_whole(tmp_path: Path) -> None:
    noisy = in_noise(spoken(5.0, 16_000), 10.0)
    part, whole = _masked(tmp_path, noisy, 16_000, span=(40_000, 70_000)), _masked(tmp_path, noisy, 16_000)
    assert _distortion_db(whole[:, 40_000:70_000], part) > 15.0


def test_the_first_moment_is_treated_as_the_rest(tmp_path: Path) -> None:
    noise = white_noise(3.0, 16_000, rms=0.02)
    masked = _masked(tmp_path, noise, 16_000)
    assert _change_db(noise[:, :4_000], masked[:, :4_000]) < -14.0


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000])
@pytest.mark.parametrize("duration_s", [0.0, 0.0005, 0.01, 1.234])
def test_every_rate_and_length_is_kept_and_finite(tmp_path: Path, rate_hz: int, duration_s: float) -> None:
    noise = white_noise(duration_s, rate_hz)
    with Scratch(tmp_path / "sound.f32", rate_hz) as scratch:
        if noise.size:
            scratch.append(noise)
        blocks = list(MaskDenoiser(scratch, cap_db=18.0).blocks(0, scratch.frames))
    assert sum(block.shape[1] for block in blocks) == noise.shape[1]
    assert all(block.dtype == np.float32 and np.isfinite(block).all() for block in blocks)


def test_silence_a_constant_and_a_full_square_wave_stay_in_range(tmp_path: Path) -> None:
    assert not _masked(tmp_path, silence(1.0, 16_000), 16_000).any()
    for sound in (np.full((1, 16_000), 0.7, np.float32), np.sign(tone(1.0, 16_000)).astype(np.float32)):
        masked = _masked(tmp_path, sound, 16_000)
        assert np.isfinite(masked).all()
        assert np.abs(masked).max() < 1.6


def test_without_rnnoise_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnnoise, "_find", lambda: None)
    rnnoise._load.cache_clear()
    try:
        with (
            Scratch(tmp_path / "sound.f32", 16_000) as scratch,
            pytest.raises(ValueError, match="no RNNoise on this system"),
        ):
            MaskDenoiser(scratch, cap_db=12.0)
    finally:
        rnnoise._load.cache_clear()


def test_librosa_is_loaded_by_the_first_mask_and_not_before() -> None:
    code = "import sys, worker.audio.treat.mask; sys.exit('librosa' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
