from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.signals import speech_like
from worker.audio.rendering import faded, render
from worker.audio.scratch import Scratch


def test_what_is_rendered_is_kept_and_measured(tmp_path: Path) -> None:
    sound = speech_like(3.0, 16_000)
    fractions: list[float] = []
    with Scratch(tmp_path / "a.f32", 16_000) as target:
        measured = render([sound[:, :20_000], sound[:, 20_000:]], target, frames=48_000, report=fractions.append)
        assert np.array_equal(target.read(0, 48_000), sound)
    assert measured.loudness_lufs == pytest.approx(-21.5, abs=2)
    assert measured.true_peak_dbtp >= 20 * np.log10(np.abs(sound).max())
    assert fractions == pytest.approx([20 / 48, 1.0])


@pytest.mark.parametrize("block_frames", [1, 37, 100, 1_000])
def test_only_the_cut_ends_fade(block_frames: int) -> None:
    ones = np.ones((1, 1_000), np.float32)
    blocks = [ones[:, start : start + block_frames] for start in range(0, 1_000, block_frames)]
    both = np.concatenate(list(faded(blocks, frames=1_000, rate_hz=10_000, fades_in=True, fades_out=True)), axis=1)[0]
    assert both[0] == both[-1] == 0.0
    assert np.all(np.diff(both[:100]) > 0)
    assert np.all(both[100:900] == 1.0)
    assert np.allclose(both, both[::-1])
    neither = faded(blocks, frames=1_000, rate_hz=10_000, fades_in=False, fades_out=False)
    assert np.array_equal(np.concatenate(list(neither), axis=1), ones)


def test_a_stretch_shorter_than_its_fades_is_no_error() -> None:
    for frames in (1, 2, 3):
        (block,) = faded(
            [np.ones((1, frames), np.float32)], frames=frames, rate_hz=48_000, fades_in=True, fades_out=True
        )
        assert block.shape == (1, frames)
