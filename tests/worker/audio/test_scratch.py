from pathlib import Path

import numpy as np

from tests.worker.audio.signals import Samples, white_noise
from worker.audio.scratch import BLOCK_FRAMES, COPIES_BYTES, Copy, Scratch, Shelf, holds


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


def test_an_excerpt_reads_as_if_it_were_all_there_is(tmp_path: Path) -> None:
    noise = white_noise(1.0, 16_000)
    with Scratch(tmp_path / "a.f32", 16_000) as scratch:
        scratch.append(noise)
    with Scratch.excerpt(tmp_path / "a.f32", 16_000, 4_000, 9_000) as excerpt:
        assert excerpt.frames == 5_000
        assert np.array_equal(excerpt.read(0, 5_000), noise[:, 4_000:9_000])
        assert not excerpt.read(-5, 5).any()
        assert not excerpt.read(5_000, 5).any()
    with Scratch.excerpt(tmp_path / "a.f32", 16_000, 15_000, 99_000) as excerpt:
        assert np.array_equal(excerpt.read(0, excerpt.frames), noise[:, 15_000:])


def _copied(shelf: Shelf, *blocks: Samples, is_complete: bool = True) -> bool:
    copy = Copy(shelf, 16_000)
    for block in blocks:
        copy.append(block)
    if is_complete:
        copy.complete()
    copy.close()
    return shelf.path.exists()


def test_a_copy_is_left_only_where_it_is_complete_and_has_room(tmp_path: Path) -> None:
    second, shelf = white_noise(1.0, 16_000), Shelf(tmp_path / "a.copy", 2 * 64_000)
    assert _copied(shelf, second, second)
    assert holds(shelf.path, 32_000)
    assert not holds(shelf.path, 32_001)
    assert not _copied(shelf, second, is_complete=False)
    assert not _copied(shelf, second, second, second)
    assert not holds(shelf.path, 0)
    assert not _copied(Shelf(tmp_path / "gone" / "a.copy", 64_000), second)


def test_the_copies_of_a_job_share_its_room(tmp_path: Path) -> None:
    first = Shelf.of(tmp_path, "one")
    assert first.room_bytes == COPIES_BYTES
    assert _copied(first, white_noise(1.0, 16_000))
    assert Shelf.of(tmp_path, "two").room_bytes == COPIES_BYTES - 64_000
    assert Shelf.of(tmp_path, "one") == first
