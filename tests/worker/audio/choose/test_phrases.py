import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.audio.spoken_tracks import Stretches, add, bursts, heard, noise, room_with
from worker.audio.choose.phrases import phrases, shortened_pauses, tightened, trim
from worker.audio.tracks import BANDS, HOPS_PER_WINDOW, WINDOW_S, Span, Tracks

NEAR = 0.02


def _edges(tracks: Tracks, *, least_pause_s: float = 0.16) -> list[tuple[float, float]]:
    found = phrases(tracks, least_pause_s=least_pause_s)
    return [(phrase.span.start_s, phrase.span.end_s) for phrase in found]


@pytest.mark.parametrize("late_s", [-0.064, 0.0, 0.064, 0.096])
@pytest.mark.parametrize("shift_s", [0.0, 0.007, 0.013])
def test_phrases_begin_and_end_with_their_sound_however_late_the_model_is(late_s: float, shift_s: float) -> None:
    voices = [(1.0 + shift_s, 2.5 + shift_s), (2.8 + shift_s, 4.011 + shift_s)]
    found = _edges(room_with(6.0, voices, late_s=late_s))
    assert [edge for each in found for edge in each] == pytest.approx([e for v in voices for e in v], abs=NEAR)


def test_a_gap_within_a_word_does_not_part_phrases() -> None:
    assert len(_edges(room_with(4.0, [(1.0, 1.5), (1.62, 2.5)]))) == 1


def test_a_short_pause_parts_phrases_when_it_is_asked_for() -> None:
    voices = [(1.0, 1.5), (1.63, 2.5)]
    tracks = heard(bursts(4.0, voices), [(1.0, 2.5)])  # the model does not see it
    assert len(_edges(tracks)) == 1
    found = _edges(tracks, least_pause_s=0.1)
    assert [edge for each in found for edge in each] == pytest.approx([1.0, 1.5, 1.63, 2.5], abs=NEAR)


def test_a_single_window_is_not_speech() -> None:
    assert _edges(room_with(4.0, [(1.0, 1.032)])) == []


def test_one_doubtful_window_does_not_part_a_phrase() -> None:
    tracks = room_with(4.0, [(1.0, 3.0)])
    tracks.speech[60] = 0.25
    tracks.speech[70] = 0.0
    assert len(_edges(tracks)) == 1


def test_doubtful_sound_alone_is_not_speech() -> None:
    assert _edges(heard(bursts(4.0, [(1.0, 3.0)]), [(1.0, 3.0)], likely=0.3)) == []


def test_a_weak_ending_stays_with_its_word() -> None:
    sound = bursts(4.0, [(1.0, 2.0)])
    add(sound, 2.0, noise(0.12, -48.0, seed=5))
    assert _edges(heard(sound, [(1.0, 2.0)]))[0][1] == pytest.approx(2.12, abs=NEAR)


def test_a_breathy_onset_stays_with_its_word() -> None:
    sound = bursts(4.0, [(1.0, 2.0)])
    add(sound, 0.9, noise(0.1, -45.0, seed=5))
    assert _edges(heard(sound, [(1.0, 2.0)]))[0][0] == pytest.approx(0.9, abs=NEAR)


def test_the_opening_is_speech_when_it_is_as_loud() -> None:
    sound = bursts(4.0, [(0.0, 2.0)], room_db=-30.0)
    assert _edges(heard(sound, [(0.096, 2.0)]))[0][0] == 0.0


def test_a_quiet_opening_is_not_speech() -> None:
    assert _edges(room_with(4.0, [(0.09, 2.0)]))[0][0] == pytest.approx(0.09, abs=NEAR)


def test_speech_up_to_the_last_sample_ends_there() -> None:
    tracks = room_with(4.0, [(1.0, 4.0)])
    assert _edges(tracks)[0][1] == tracks.duration_s


def test_in_noise_the_model_decides_where_a_phrase_ends() -> None:
    tracks = heard(bursts(4.0, [(1.0, 2.0)], room_db=-24.0), [(1.0, 2.2)])
    assert _edges(tracks)[0][1] >= 2.17


def test_a_phrase_knows_how_likely_it_is_speech() -> None:
    (phrase,) = phrases(heard(bursts(4.0, [(1.024, 2.048)]), [(1.024, 2.048)], likely=0.4))
    assert phrase.likely == pytest.approx(0.4, abs=0.03)


def test_ends_are_trimmed_with_padding() -> None:
    span = trim(room_with(8.0, [(2.0, 3.0), (5.0, 6.0)]), 8.0)
    assert (span.start_s, span.end_s) == pytest.approx((1.85, 6.2), abs=NEAR)


def test_in_strong_noise_more_is_kept() -> None:
    span = trim(room_with(8.0, [(2.0, 6.0)], room_db=-26.0), 8.0)
    assert span.start_s <= 1.72
    assert span.end_s >= 6.28


def test_a_recording_without_certain_speech_is_kept_whole() -> None:
    assert trim(heard(bursts(4.0, [(1.0, 3.0)]), []), 4.01) == Span(0.0, 4.01)


@pytest.mark.parametrize("start_s", [0.0, 2.0, 4.6])
def test_never_less_than_a_second_is_kept(start_s: float) -> None:
    span = trim(room_with(5.0, [(start_s, start_s + 0.3)]), 5.0)
    assert span.duration_s == pytest.approx(1.0)
    assert span.start_s <= start_s + 0.01
    assert span.end_s >= start_s + 0.29


def test_a_recording_under_a_second_is_kept_whole() -> None:
    assert trim(room_with(0.6, [(0.2, 0.4)]), 0.6) == Span(0.0, 0.6)


def test_the_silence_at_the_ends_of_a_stretch_is_left_away_where_it_is_worth_it() -> None:
    tracks = room_with(9.0, [(3.0, 6.0)])
    kept = tightened(tracks, Span(0.5, 6.25))
    assert kept.start_s == pytest.approx(2.85, abs=NEAR)
    assert kept.end_s == 6.25
    assert tightened(tracks, Span(7.0, 8.5)) == Span(7.0, 8.5)


def test_a_long_pause_loses_its_middle() -> None:
    kept = shortened_pauses(room_with(8.0, [(1.0, 3.0), (5.0, 7.0)]), Span(0.8, 7.2))
    assert [edge for span in kept for edge in (span.start_s, span.end_s)] == pytest.approx(
        [0.8, 3.3, 4.7, 7.2], abs=NEAR
    )


def test_a_pause_as_people_make_them_is_left_alone() -> None:
    assert shortened_pauses(room_with(8.0, [(1.0, 3.0), (3.75, 7.0)]), Span(0.8, 7.2)) == [Span(0.8, 7.2)]


def test_a_pause_full_of_noise_is_not_cut() -> None:
    tracks = room_with(8.0, [(1.0, 3.0), (5.0, 7.0)], room_db=-29.0)
    assert shortened_pauses(tracks, Span(0.8, 7.2)) == [Span(0.8, 7.2)]


def test_a_pause_with_a_sound_in_it_is_not_cut() -> None:
    sound = bursts(8.0, [(1.0, 3.0), (5.0, 7.0)])
    add(sound, 3.9, noise(0.3, -24.0, seed=5))
    assert shortened_pauses(heard(sound, [(1.0, 3.0), (5.0, 7.0)]), Span(0.8, 7.2)) == [Span(0.8, 7.2)]


def test_pauses_outside_of_the_stretch_are_of_no_interest() -> None:
    tracks = room_with(9.0, [(1.0, 2.0), (4.0, 5.0), (7.0, 8.0)])
    assert shortened_pauses(tracks, Span(3.9, 5.1)) == [Span(3.9, 5.1)]


def test_a_stretch_that_begins_in_a_pause_keeps_its_beginning() -> None:
    tracks = room_with(9.0, [(1.0, 2.0), (4.0, 5.0), (7.0, 8.0)])
    kept = shortened_pauses(tracks, Span(3.0, 8.1))
    assert kept[0].start_s == 3.0
    assert len(kept) == 2


def _made_up(likely: list[float], levels_db: list[float]) -> Tracks:
    windows = min(len(likely), len(levels_db))
    levels = np.array(levels_db[:windows], np.float32)
    bands = np.repeat(levels, HOPS_PER_WINDOW)[:, None] + np.linspace(-10, 0, BANDS)
    speech = np.array(likely[:windows], np.float32)
    return Tracks(levels, speech, np.ones(windows, bool), bands.astype(np.float16), "silero")


_windows = st.lists(st.floats(0, 1, width=32), max_size=200)
_levels = st.lists(st.floats(-100, 0, width=32), max_size=200)


@settings(deadline=None)
@given(_windows, _levels)
def test_whatever_the_tracks_spans_lie_in_order_within_the_recording(
    likely: list[float], levels_db: list[float]
) -> None:
    tracks = _made_up(likely, levels_db)
    duration_s = tracks.duration_s + 0.01
    for least_pause_s in (0.1, 0.16):
        edges: list[float] = [edge for each in _edges(tracks, least_pause_s=least_pause_s) for edge in each]
        assert edges == sorted(edges)
        assert all(0 <= edge <= tracks.duration_s for edge in edges)
    span = trim(tracks, duration_s)
    assert 0 <= span.start_s <= span.end_s <= duration_s
    assert span.duration_s >= min(1.0, duration_s) - 1e-9
    kept = shortened_pauses(tracks, span)
    cuts: Stretches = [(each.start_s, each.end_s) for each in kept]
    assert cuts[0][0] == span.start_s
    assert cuts[-1][1] == span.end_s
    assert [edge for cut in cuts for edge in cut] == sorted(edge for cut in cuts for edge in cut)


@settings(deadline=None, max_examples=30)
@given(_windows, _levels)
def test_the_same_tracks_have_the_same_phrases(likely: list[float], levels_db: list[float]) -> None:
    tracks = _made_up(likely, levels_db)
    assert phrases(tracks) == phrases(tracks)
    assert phrases(tracks.part(Span(0, tracks.windows * WINDOW_S))) == phrases(tracks)
