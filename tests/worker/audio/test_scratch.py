from pathlib import Path

import numpy as np

from tests.worker.audio.signals import white_noise
from worker.audio.scratch import BLOCK_FRAMES, Scratch


def test_what_was_appended_is_read_back_anywhere(tmp_path: Path) -> None:
    noise = white_noise(1.0, 16_000)
    with Scratch(tmp_path / "a.f32", 16_000) as scratch:
        scratch.append(noise[:, :5_000])
        scratch.append(noise[:, 5_000:])
        assert (scratch.frames, scratch.duration_s) == (16_000, 1.0)
        assert np.array_equal(scratch.read(4_990, 20), noise[:, 4_990:5_010])


def test_outside_of_the_recording_there_is_silence(tmp_path: Path) -> None:
    with Scratch(tmp_path / "a.f32", 16_000) as scratch:
        scratch.append(np.ones((1, 10), np.float32))
        assert scratch.read(-2, 14)[0].tolist() == [0, 0, *[1] * 10, 0, 0]
        assert scratch.read(100, 3)[0].tolist() == [0, 0, 0]


def test_blocks_are_bounded_and_complete(tmp_path: Path) -> None:
    noise = white_noise(10.0, 16_000)
    with Scratch(tmp_path / "a.f32", 16_000) as scratch:
        scratch.append(noise)
        blocks = list(scratch.blocks(7, 159_000))
    assert max(block.shape[1] for block in blocks) <= BLOCK_FRAMES
    assert np.array_equal(np.concatenate(blocks, axis=1), noise[:, 7:159_000])
