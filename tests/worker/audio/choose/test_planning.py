"""What an engine gets of which recordings, by tracks that are set by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.audio.examined import examined, talk
from worker.audio.choose.planning import FilePlan, Target, plan, rate_of
from worker.audio.files.encode import BYTES_PER_FRAME, WAV_HEADER_BYTES
from worker.audio.measure.inspection import Examination
from worker.audio.tracks import Span

EVERYTHING = Target(container="wav")


def seconds(files: tuple[FilePlan, ...]) -> float:
    return sum(file.duration_s for file in files)


def test_an_engine_that_learns_from_everything_gets_each_recording_as_a_file() -> None:
    files = plan([examined(talk(20.0)), examined(talk(30.0))], EVERYTHING, trims=False)
    assert [[(cut.part, cut.span) for cut in file.cuts] for file in files] == [
        [(0, Span(0.0, 20.0))],
        [(1, Span(0.0, 30.0))],
    ]


def test_ends_are_trimmed_and_long_pauses_shortened_where_that_is_wanted() -> None:
    moments = [(3.0, False), (6.0, True), (4.0, False), (5.0, True), (3.0, False)]
    [file] = plan([examined(moments)], EVERYTHING, trims=True)
    assert file.cuts[0].span.start_s == pytest.approx(2.85, abs=0.05)
    assert file.cuts[-1].span.end_s == pytest.approx(18.2, abs=0.05)
    assert file.duration_s == pytest.approx(6.0 + 5.0 + 0.35 + 0.5, abs=0.15)


def test_an_engine_of_ten_seconds_gets_one_stretch_of_the_better_recording() -> None:
    target = Target(best_s=10.0, max_files=1, max_file_s=60.0)
    [file] = plan([examined(talk(30.0), noise_db=-35.0), examined(talk(30.0), noise_db=-70.0)], target, trims=True)
    [cut] = file.cuts
    assert cut.part == 1
    assert 7.0 <= cut.span.duration_s <= 13.0


def test_limits_of_seconds_hold_for_the_one_stretch() -> None:
    target = Target(best_s=8.0, least_s=5.0, max_files=1, max_file_s=10.0)
    [file] = plan([examined(talk(40.0))], target, trims=True)
    assert 5.0 <= file.duration_s <= 10.0


def test_the_silence_around_a_few_words_is_not_sent_to_fill_a_stretch() -> None:
    moments = [(20.0, False), (5.0, True), (20.0, False), (5.0, True), (20.0, False)]
    [file] = plan([examined(moments)], Target(best_s=10.0, max_files=1, max_file_s=60.0), trims=True)
    assert len(file.cuts) == 2
    assert file.duration_s == pytest.approx(2 * (5.0 + 0.35), abs=0.3)


@pytest.mark.parametrize("best_s", [None, 8.0])
def test_trimming_never_takes_a_recording_below_what_the_engine_needs(best_s: float | None) -> None:
    moments = [(0.5, False), (4.0, True), (0.5, False)]
    [file] = plan([examined(moments)], Target(best_s=best_s, least_s=5.0, max_files=1, max_file_s=10.0), trims=True)
    assert file.duration_s == pytest.approx(5.0)


def test_recordings_too_short_for_one_stretch_are_joined() -> None:
    target = Target(best_s=10.0, least_s=5.0, max_files=1, max_file_s=15.0)
    [file] = plan([examined(talk(3.0)), examined(talk(3.0)), examined(talk(3.0))], target, trims=True)
    assert {cut.part for cut in file.cuts} == {0, 1, 2}
    assert 5.0 <= file.duration_s <= 10.0


def test_an_engine_of_two_minutes_gets_the_best_segments_joined_up_to_that() -> None:
    target = Target(best_s=60.0, max_files=1)
    recordings = [examined(talk(80.0), noise_db=-30.0), examined(talk(50.0), noise_db=-70.0)]
    [file] = plan(recordings, target, trims=True)
    assert file.duration_s <= 60.0
    assert file.duration_s > 40.0
    assert file.cuts[0].part == 1


def test_a_recording_over_the_limit_of_bytes_is_split_and_no_file_is_too_large() -> None:
    limit_bytes = WAV_HEADER_BYTES + 16_000 * BYTES_PER_FRAME * 25
    target = Target(max_file_bytes=limit_bytes)
    files = plan([examined(talk(100.0), rate_hz=16_000)], target, trims=False)
    assert len(files) >= 4
    assert all(WAV_HEADER_BYTES + file.duration_s * 16_000 * BYTES_PER_FRAME <= limit_bytes + 2 for file in files)
    assert seconds(files) == pytest.approx(100.0)


def test_pieces_of_a_split_recording_part_in_pauses() -> None:
    moments = [(4.0, True), (1.0, False)] * 12
    files = plan([examined(moments)], Target(max_file_s=20.0), trims=False)
    for file in files[1:]:
        into_s = file.cuts[0].span.start_s % 5.0
        assert into_s >= 3.7 or into_s < 0.2


def test_what_splitting_leaves_over_is_no_file_where_it_is_too_short_for_one() -> None:
    target = Target(min_file_s=5.0, max_file_s=20.0)
    files = plan([examined([(42.0, True)])], target, trims=False)
    assert [round(file.duration_s) for file in files] == [20, 20]
    assert len(plan([examined(talk(3.0))], target, trims=False)) == 1


def test_more_recordings_than_files_are_joined() -> None:
    files = plan([examined(talk(5.0)) for _ in range(5)], Target(max_files=3), trims=False)
    assert len(files) == 1
    assert [cut.part for cut in files[0].cuts] == [0, 1, 2, 3, 4]


def test_what_is_over_the_total_is_chosen_from() -> None:
    files = plan([examined(talk(60.0)) for _ in range(3)], Target(max_total_s=60.0), trims=True)
    assert 40.0 < seconds(files) <= 60.0


def test_a_file_has_the_lowest_rate_of_its_recordings_and_never_a_higher_one_than_wanted() -> None:
    low, high = examined(talk(5.0), rate_hz=16_000), examined(talk(5.0), rate_hz=96_000)
    assert rate_of([low, high], EVERYTHING) == 16_000
    assert rate_of([high], EVERYTHING) == 48_000
    assert rate_of([high], Target(max_rate_hz=24_000)) == 24_000


def test_a_telephone_is_the_last_resort() -> None:
    target = Target(best_s=10.0, max_files=1)
    good = examined(talk(30.0), noise_db=-55.0)
    phone = examined(talk(30.0), noise_db=-70.0)
    phone = replace(
        phone, inspection=replace(phone.inspection, measures=replace(phone.inspection.measures, bandwidth_hz=3_900.0))
    )
    [file] = plan([phone, good], target, trims=True)
    assert file.cuts[0].part == 1


def test_no_recording_fits_into_nothing() -> None:
    with pytest.raises(ValueError, match="fits"):
        plan([examined(talk(5.0))], Target(max_file_bytes=100), trims=True)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.floats(0.2, 9.0), st.booleans()), min_size=1, max_size=8), min_size=1, max_size=3),
    st.sampled_from(
        [
            EVERYTHING,
            Target(best_s=10.0, max_files=1, max_file_s=15.0),
            Target(best_s=30.0 + 1, max_files=1),
            Target(max_file_s=7.0, max_files=4),
            Target(max_total_s=12.0),
        ]
    ),
)
def test_whatever_the_recordings_cuts_lie_inside_and_limits_hold(
    recordings: list[list[tuple[float, bool]]], target: Target
) -> None:
    found: list[Examination] = [examined(moments) for moments in recordings]
    files = plan(found, target, trims=True)
    assert files
    for file in files:
        assert file.duration_s <= (target.max_file_s or np.inf) + 1e-6
        for cut in file.cuts:
            assert 0 <= cut.span.start_s < cut.span.end_s
            assert cut.span.end_s <= found[cut.part].inspection.duration_s + 1e-6
    assert len(files) <= (target.max_files or np.inf)
    assert seconds(files) <= (target.max_total_s or np.inf) + 1e-6
    assert plan(found, target, trims=True) == files


def _voiced(found: Examination, direction: int) -> Examination:
    return replace(found, voice=np.eye(4, dtype=np.float32)[direction])


@pytest.mark.parametrize("target", [EVERYTHING, Target(best_s=10.0, max_files=1), Target(best_s=60.0)])
def test_a_stranger_among_the_recordings_is_left_out_where_the_rest_is_enough(target: Target) -> None:
    voices = [_voiced(examined(talk(40.0)), 0), _voiced(examined(talk(30.0)), 1), _voiced(examined(talk(40.0)), 0)]
    assert {cut.part for file in plan(voices, target, trims=True) for cut in file.cuts} <= {0, 2}


def test_strangers_are_taken_before_there_is_too_little() -> None:
    voices = [_voiced(examined(talk(40.0)), 0), _voiced(examined(talk(30.0)), 1)]
    files = plan(voices, Target(least_s=60.0), trims=True)
    assert {cut.part for file in files for cut in file.cuts} == {0, 1}


def test_an_engine_that_learns_from_everything_gets_no_other_voice() -> None:
    found = replace(examined(talk(60.0)), foreign=(Span(20.0, 30.0),))
    [file] = plan([found], EVERYTHING, trims=True)
    assert not any(cut.span.start_s < 24.0 < cut.span.end_s for cut in file.cuts)
    assert file.duration_s > 45.0
    [file] = plan([found], replace(EVERYTHING, least_s=58.0), trims=True)
    assert file.duration_s > 58.0
