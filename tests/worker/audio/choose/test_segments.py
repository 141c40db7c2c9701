from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.audio.spoken_tracks import Stretches, add, bursts, heard, noise, phrases_of, room_with
from worker.audio.choose.segments import Segment, pick, ranked
from worker.audio.tracks import BANDS, HOPS_PER_WINDOW, Span, Tracks, join

SOME = phrases_of(0.5, 29.0)  # of 1.6 s, every 2 s


def _pick(tracks: Tracks, **others: object) -> Segment:
    segment = pick(tracks, **({"least_s": 7.0, "best_s": 10.0, "most_s": 13.0} | others))  # type: ignore[arg-type]
    assert segment is not None
    return segment


def _cuts_into(span: Span, voices: Stretches) -> bool:
    return any(start_s + 0.02 < edge < end_s - 0.02 for start_s, end_s in voices for edge in (span.start_s, span.end_s))


def test_the_clean_part_of_a_noisy_recording_is_picked() -> None:
    sound = bursts(30.0, SOME)
    add(sound, 0.0, noise(10.0, -26.0, seed=5))
    add(sound, 22.0, noise(8.0, -26.0, seed=6))
    span = _pick(heard(sound, SOME)).span
    assert span.start_s >= 10.0
    assert span.end_s <= 22.0


def test_a_segment_begins_and_ends_in_pauses_near_speech() -> None:
    span = _pick(room_with(30.0, SOME)).span
    assert not _cuts_into(span, SOME)
    assert min(abs(span.start_s - (start_s - 0.15)) for start_s, _ in SOME) <= 0.02
    assert min(abs(span.end_s - (end_s + 0.2)) for _, end_s in SOME) <= 0.02


@pytest.mark.parametrize("best_s", [7.0, 10.0, 13.0])
def test_the_length_is_near_the_wanted_one(best_s: float) -> None:
    span = _pick(room_with(30.0, SOME), best_s=best_s).span
    assert span.duration_s == pytest.approx(best_s, abs=1.1)
    assert 7.0 <= span.duration_s <= 13.0


def test_clipped_speech_is_not_picked() -> None:
    flat_tops = np.zeros(30, np.int32)
    flat_tops[:16] = 40
    assert _pick(room_with(30.0, SOME), flat_tops_per_s=flat_tops).span.start_s >= 16.0


def test_a_foreign_voice_is_not_picked() -> None:
    tracks = room_with(30.0, SOME)
    for foreign in ([Span(0.0, 16.0)], [Span(14.0, 30.0)]):
        segment = _pick(tracks, foreign=foreign)
        assert segment.span.end_s <= foreign[0].start_s or segment.span.start_s >= foreign[0].end_s
        assert segment.merits.foreign == 0


def test_a_foreign_voice_is_picked_when_there_is_nothing_else() -> None:
    assert _pick(room_with(30.0, SOME), foreign=[Span(0.0, 30.0)]).merits.foreign < 0


def test_singing_is_not_picked() -> None:
    tracks = room_with(30.0, SOME)
    tracks.speech[:500] *= 0.4  # to 16 s
    assert _pick(tracks).span.start_s >= 15.9


def test_music_beside_speech_is_not_picked() -> None:
    sound = bursts(30.0, SOME)
    for second in range(15):
        add(sound, second, noise(0.8, -25.0, seed=second))
    assert _pick(heard(sound, SOME)).span.start_s >= 14.5


def test_long_pauses_are_not_picked() -> None:
    voices = [*phrases_of(0.5, 14.0, length_s=1.5, pause_s=1.5), *phrases_of(15.0, 29.5, length_s=1.5, pause_s=0.5)]
    assert _pick(room_with(30.0, voices)).span.start_s >= 14.5


def test_a_much_quieter_part_is_not_picked() -> None:
    sound = bursts(40.0, phrases_of(0.5, 39.0), room_db=-80.0)
    sound[: 12 * 16_000] *= 0.1
    assert _pick(heard(sound, phrases_of(0.5, 39.0))).span.start_s >= 12.0


def test_a_phrase_that_reaches_into_noise_is_left_out() -> None:
    voices = [*phrases_of(0.5, 6.0), (6.4, 8.4), *phrases_of(8.8, 18.0), *phrases_of(18.5, 29.0)]
    sound = bursts(30.0, voices)
    add(sound, 0.0, noise(7.2, -24.0, seed=5))
    add(sound, 19.0, noise(11.0, -24.0, seed=6))
    span = _pick(heard(sound, voices)).span
    assert span.start_s >= 8.4
    assert span.end_s <= 19.0


def test_short_pauses_do_where_there_are_no_others() -> None:
    voices = phrases_of(0.0, 30.0, length_s=2.87, pause_s=0.13)
    span = _pick(heard(bursts(30.0, voices), [(0.0, 30.0)])).span
    assert not _cuts_into(span, voices)
    assert 7.0 <= span.duration_s <= 13.0


def test_someone_who_never_pauses_is_cut_at_a_quiet_moment() -> None:
    sound = bursts(30.0, [(0.0, 30.0)])
    quiet_s = [second + 0.4 for second in range(30)]
    for at_s in quiet_s:
        sound[round(at_s * 16_000) : round((at_s + 0.06) * 16_000)] *= 0.2
    span = _pick(heard(sound, [(0.0, 30.0)])).span
    assert span.duration_s == pytest.approx(10.0, abs=1.0)
    for edge_s in {span.start_s, span.end_s} - {0.0}:
        assert min(abs(edge_s - (at_s + 0.03)) for at_s in quiet_s) <= 0.25


def test_a_short_phrase_in_a_long_recording_is_picked_with_what_is_around_it() -> None:
    span = _pick(room_with(30.0, [(12.0, 15.0)])).span
    assert span.start_s <= 12.0
    assert span.end_s >= 15.0
    assert 7.0 <= span.duration_s <= 13.0


def test_lengths_that_leave_no_choice_are_kept() -> None:
    span = _pick(room_with(30.0, SOME), least_s=9.0, best_s=9.0, most_s=9.0).span
    assert span.duration_s == pytest.approx(9.0, abs=1e-6)


def test_nothing_is_picked_where_nobody_speaks() -> None:
    assert pick(heard(bursts(30.0, SOME), []), least_s=7.0, best_s=10.0, most_s=13.0) is None


def test_nothing_is_picked_of_a_recording_that_is_too_short() -> None:
    assert pick(room_with(6.0, SOME), least_s=7.0, best_s=10.0, most_s=13.0) is None


def test_the_score_is_the_sum_of_the_merits() -> None:
    segment = _pick(room_with(30.0, SOME))
    points = [getattr(segment.merits, name) for name in type(segment.merits).__slots__]
    assert segment.score == pytest.approx(sum(points))


def test_several_segments_do_not_overlap_and_stay_under_the_total() -> None:
    segments = ranked(join([room_with(30.0, SOME)] * 4), total_s=60.0)
    spans = sorted((each.span for each in segments), key=lambda span: span.start_s)
    assert all(one.end_s <= two.start_s + 1e-9 for one, two in pairwise(spans))
    assert 50.0 <= sum(span.duration_s for span in spans) <= 60.0
    assert all(not _cuts_into(Span(s.start_s % 30, s.end_s % 30), SOME) for s in spans)


def test_the_best_segment_is_the_first() -> None:
    segments = ranked(join([room_with(30.0, SOME, room_db=-45.0), room_with(30.0, SOME)]), total_s=40.0)
    scores = [each.score for each in segments]
    assert scores == sorted(scores, reverse=True)
    assert segments[0].span.start_s >= 30.0


def test_bad_segments_are_left_out_where_there_is_enough_else() -> None:
    tracks = join([room_with(30.0, SOME), room_with(30.0, SOME, room_db=-26.0)])
    assert all(each.span.end_s <= 30.5 for each in ranked(tracks, total_s=50.0))


def test_bad_segments_are_better_than_too_little() -> None:
    tracks = join([room_with(10.0, phrases_of(0.5, 9.0)), room_with(60.0, phrases_of(0.5, 59.0), room_db=-26.0)])
    total_s = sum(each.span.duration_s for each in ranked(tracks, total_s=60.0))
    assert 20.0 <= total_s <= 30.0


def test_a_foreign_voice_is_not_among_several_segments() -> None:
    segments = ranked(join([room_with(30.0, SOME)] * 3), total_s=80.0, foreign=[Span(20.0, 70.0)])
    assert segments
    assert all(each.span.end_s <= 20.1 or each.span.start_s >= 69.9 for each in segments)


def test_everything_usable_is_taken_when_the_total_is_infinite() -> None:
    segments = ranked(join([room_with(30.0, SOME)] * 4), total_s=float("inf"))
    assert sum(each.span.duration_s for each in segments) >= 100.0


def test_a_recording_shorter_than_a_part_is_taken_as_it_is() -> None:
    (segment,) = ranked(room_with(4.0, [(1.0, 3.0)]), total_s=60.0)
    assert segment.span.start_s <= 1.0
    assert segment.span.end_s >= 3.0


def test_several_of_nothing_are_none() -> None:
    assert ranked(heard(bursts(10.0, SOME), []), total_s=60.0) == []
    assert ranked(_made_up([], []), total_s=60.0) == []


def _made_up(likely: list[float], levels_db: list[float]) -> Tracks:
    """Tracks of ten equal windows for every pair of values."""
    windows = min(len(likely), len(levels_db))
    levels = np.repeat(np.array(levels_db[:windows], np.float32), 10)
    bands = np.repeat(levels, HOPS_PER_WINDOW)[:, None] + np.linspace(-10, 0, BANDS)
    speech = np.repeat(np.array(likely[:windows], np.float32), 10)
    return Tracks(levels, speech, np.ones(levels.size, bool), bands.astype(np.float16), "silero")


_likely = st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]), max_size=80)
_levels = st.lists(st.floats(-100, 0, width=32), max_size=80)
_lengths = st.tuples(st.floats(0.5, 20), st.floats(0, 10), st.floats(0, 10))
_foreign = st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5)), max_size=3)


@settings(deadline=None, max_examples=60)
@given(_likely, _levels, _lengths, _foreign)
def test_whatever_the_tracks_a_segment_lies_within_the_recording_and_its_limits(
    likely: list[float],
    levels_db: list[float],
    lengths: tuple[float, float, float],
    others: list[tuple[float, float]],
) -> None:
    tracks = _made_up(likely, levels_db)
    least_s, best_s, most_s = np.cumsum(lengths).tolist()
    foreign = [Span(start_s, start_s + length_s) for start_s, length_s in others]
    segment = pick(tracks, least_s=least_s, best_s=best_s, most_s=most_s, foreign=foreign)
    assert segment == pick(tracks, least_s=least_s, best_s=best_s, most_s=most_s, foreign=foreign)
    speech_s = float((tracks.speech >= 0.5).sum()) * 0.032
    assert segment is not None or speech_s < least_s
    if segment is not None:
        assert 0 <= segment.span.start_s < segment.span.end_s <= tracks.duration_s
        assert least_s - 1e-6 <= segment.span.duration_s <= most_s + 1e-6
        assert np.isfinite(segment.score)


@settings(deadline=None, max_examples=40)
@given(_likely, _levels, st.floats(0.5, 60))
def test_whatever_the_tracks_several_segments_stay_apart_and_under_the_total(
    likely: list[float], levels_db: list[float], total_s: float
) -> None:
    segments = ranked(_made_up(likely, levels_db), total_s=total_s)
    spans = sorted((each.span for each in segments), key=lambda span: span.start_s)
    assert sum(span.duration_s for span in spans) <= total_s + 1e-6
    assert all(one.end_s <= two.start_s + 1e-9 for one, two in pairwise(spans))
