import pytest

from worker.audio.treat.gain import MAX_TRUE_PEAK_DBTP, TARGET_LUFS, part_gain_db, plan_gain_db


def test_loudness_decides_where_peaks_allow_it() -> None:
    assert plan_gain_db(-30.0, -20.0) == pytest.approx(10.0)
    assert plan_gain_db(-10.0, -1.0) == pytest.approx(TARGET_LUFS + 10.0)


def test_peaks_decide_where_the_loudness_would_be_too_much() -> None:
    assert plan_gain_db(-30.0, -8.0) == pytest.approx(MAX_TRUE_PEAK_DBTP + 8.0)


def test_unknown_loudness_changes_nothing_but_peaks_that_are_too_high() -> None:
    assert plan_gain_db(None, -10.0) == 0.0
    assert plan_gain_db(None, 0.0) == MAX_TRUE_PEAK_DBTP


def test_the_parts_of_a_file_are_made_equally_loud_within_reason() -> None:
    assert part_gain_db(-26.0) == pytest.approx(6.0)
    assert part_gain_db(-60.0) == 20.0
    assert part_gain_db(None) == 0.0
