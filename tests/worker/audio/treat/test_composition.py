import contextlib
from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.signals import Samples, tone
from worker.audio.scratch import Scratch
from worker.audio.treat.composition import FADE_S, Stretch, composed, margin_frames, measured

RATE_HZ = 16_000


def joined(folder: Path, *stretches: tuple[Samples, int, int, float, bool, bool]) -> Samples:
    """The sound of stretches of signals of their own."""
    made = []
    with contextlib.ExitStack() as held:
        for number, (signal, start, end, gain, fades_in, fades_out) in enumerate(stretches):
            scratch = held.enter_context(Scratch(folder / f"{number}.f32", RATE_HZ))
            scratch.append(signal)
            made.append(Stretch(scratch, start, end, gain, fades_in, fades_out))
        reports: list[float] = []
        blocks = list(composed(made, RATE_HZ, reports.append))
        again = list(composed(made, RATE_HZ, reports.append))
    assert reports[len(blocks) - 1] == 1.0
    whole = np.concatenate(blocks, axis=1)
    assert np.array_equal(whole, np.concatenate(again, axis=1))
    assert measured(blocks, RATE_HZ).duration_s == pytest.approx(whole.shape[1] / RATE_HZ)
    return whole


def test_stretches_follow_one_another_each_with_its_gain(tmp_path: Path) -> None:
    ones = np.ones((1, 4_000), np.float32)
    whole = joined(tmp_path, (ones, 0, 1_000, 0.5, False, False), (0.2 * ones, 100, 300, 2.0, False, False))
    assert whole.shape == (1, 1_200)
    over = margin_frames(RATE_HZ)
    assert whole[0, : 1_000 - over] == pytest.approx(0.5)
    assert whole[0, 1_000 + over :] == pytest.approx(0.4)
    assert (np.diff(whole[0, 1_000 - over : 1_000 + over]) <= 0).all()


def test_a_steady_sound_has_no_hole_where_it_is_joined(tmp_path: Path) -> None:
    ones = np.ones((1, 4_000), np.float32)
    whole = joined(tmp_path, (ones, 0, 1_000, 1.0, False, True), (ones, 2_000, 4_000, 1.0, True, False))
    assert whole[0] == pytest.approx(1.0)


def test_what_was_cut_in_two_is_whole_again(tmp_path: Path) -> None:
    sound = tone(10.0, RATE_HZ, amplitude=0.5)
    parts = [(sound, start, start + 40_000, 1.0, start > 0, start < 120_000) for start in range(0, 160_000, 40_000)]
    assert joined(tmp_path, *parts) == pytest.approx(sound, abs=1e-6)


def test_a_cut_is_faded_on_its_side_only(tmp_path: Path) -> None:
    ones = np.ones((1, 4_000), np.float32)
    whole = joined(tmp_path, (ones, 0, 4_000, 1.0, True, False))[0]
    frames = round(FADE_S * RATE_HZ)
    assert whole[0] == 0.0
    assert (np.diff(whole[:frames]) > 0).all()
    assert whole[frames:] == pytest.approx(1.0)
    whole = joined(tmp_path, (ones, 0, 4_000, 1.0, False, True))[0]
    assert whole[-1] == 0.0
    assert whole[:-frames] == pytest.approx(1.0)


def test_fades_of_a_stretch_over_several_blocks_are_where_its_ends_are(tmp_path: Path) -> None:
    sound = tone(10.0, RATE_HZ, amplitude=0.5)
    whole = joined(tmp_path, (sound, 0, 160_000, 1.0, True, True))
    frames = round(FADE_S * RATE_HZ)
    assert np.array_equal(whole[:, frames:-frames], sound[:, frames:-frames])
    assert abs(whole[0, -1]) < 1e-3


def test_a_stretch_that_is_shorter_than_its_fades_survives(tmp_path: Path) -> None:
    whole = joined(tmp_path, (np.ones((1, 10), np.float32), 2, 5, 1.0, True, True))
    assert whole.shape == (1, 3)
    assert np.isfinite(whole).all()
