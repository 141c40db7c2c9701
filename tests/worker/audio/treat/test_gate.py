import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.signals import Samples, clean_speech, in_noise, silence, white_noise
from worker.audio.decibels import power_to_db
from worker.audio.scratch import Scratch
from worker.audio.treat.gate import SpectralGate


@contextmanager
def _scratch(folder: Path, sound: Samples, rate_hz: int) -> Iterator[Scratch]:
    with Scratch(folder / "sound.f32", rate_hz) as scratch:
        scratch.append(sound)
        yield scratch


def _gated(folder: Path, sound: Samples, rate_hz: int, chunk_s: float = 4.0) -> Samples:
    with _scratch(folder, sound, rate_hz) as scratch:
        blocks = list(SpectralGate(scratch, chunk_s=chunk_s).blocks(0, scratch.frames))
    return np.concatenate(blocks, axis=1)


def _distortion_db(clean: Samples, other: Samples) -> float:
    """Scale-invariant signal-to-distortion ratio."""
    target = clean * np.vdot(clean, other) / np.vdot(clean, clean)
    return power_to_db(float(np.square(target).sum() / np.square(other - target).sum()))


@pytest.fixture
def noisy() -> tuple[Samples, Samples, int]:
    """Clean speech with a second of silence on either side, the same with noise, and the rate."""
    speech, rate_hz = clean_speech()
    clean = np.concatenate((silence(1.0, rate_hz), speech, silence(1.0, rate_hz)), axis=1)
    return clean, in_noise(clean, 12.0), rate_hz


def test_noise_goes_down_and_the_voice_comes_nearer_to_the_clean_one(
    tmp_path: Path, noisy: tuple[Samples, Samples, int]
) -> None:
    clean, noise, rate_hz = noisy
    gated = _gated(tmp_path, noise, rate_hz)
    lead = slice(0, rate_hz * 9 // 10)
    assert power_to_db(float(np.square(gated[:, lead]).mean() / np.square(noise[:, lead]).mean())) < -4.0
    assert _distortion_db(clean, gated) > _distortion_db(clean, noise) + 1.0


def test_nothing_is_turned_down_by_more_than_the_floor(tmp_path: Path, noisy: tuple[Samples, Samples, int]) -> None:
    _, noise, rate_hz = noisy
    gated = _gated(tmp_path, noise, rate_hz)
    assert power_to_db(float(np.square(gated).mean() / np.square(noise).mean())) > -6.0
    lead = slice(rate_hz // 10, rate_hz * 9 // 10)
    assert power_to_db(float(np.square(gated[:, lead]).mean() / np.square(noise[:, lead]).mean())) > -12.5


def test_clean_speech_is_hardly_touched(tmp_path: Path) -> None:
    speech, rate_hz = clean_speech()
    assert _distortion_db(speech, _gated(tmp_path, speech, rate_hz)) > 25.0


@pytest.mark.parametrize("chunk_s", [0.1, 0.7, 1.9])
def test_the_result_does_not_depend_on_the_chunks(
    tmp_path: Path, noisy: tuple[Samples, Samples, int], chunk_s: float
) -> None:
    _, noise, rate_hz = noisy
    assert np.abs(_gated(tmp_path, noise, rate_hz, chunk_s) - _gated(tmp_path, noise, rate_hz, 100.0)).max() < 1e-6


def test_a_stretch_is_the_same_as_that_part_of_the_whole(tmp_path: Path, noisy: tuple[Samples, Samples, int]) -> None:
    _, noise, rate_hz = noisy
    with _scratch(tmp_path, noise, rate_hz) as scratch:
        gate = SpectralGate(scratch, chunk_s=0.5)
        whole = np.concatenate(list(gate.blocks(0, scratch.frames)), axis=1)
        part = np.concatenate(list(gate.blocks(12_345, 54_321)), axis=1)
    assert whole.shape == noise.shape
    assert np.array_equal(part, whole[:, 12_345:54_321])


def test_silence_stays_silence(tmp_path: Path) -> None:
    assert not _gated(tmp_path, silence(1.0, 16_000), 16_000).any()


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000])
def test_every_rate_keeps_its_length(tmp_path: Path, rate_hz: int) -> None:
    noise = white_noise(1.234, rate_hz)
    assert _gated(tmp_path, noise, rate_hz).shape == noise.shape


def test_librosa_is_loaded_by_the_first_gate_and_not_before() -> None:
    code = "import sys, worker.audio.preparation; sys.exit('librosa' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
