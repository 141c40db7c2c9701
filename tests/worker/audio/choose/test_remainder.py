from tests.worker.audio.spoken_tracks import add, bursts, heard, noise, phrases_of, room_with
from worker.audio.choose.phrases import phrases
from worker.audio.choose.remainder import remainder
from worker.audio.tracks import Span, Tracks

WHOLE = Span(0.0, 60.0)
VOICES = phrases_of(0.0, 60.0)


def _covered_s(spans: list[Span], other: Span) -> float:
    return sum(max(min(each.end_s, other.end_s) - max(each.start_s, other.start_s), 0.0) for each in spans)


def _with_music(start_s: float, end_s: float, *, likely: float = 0.02) -> Tracks:
    voices = [each for each in VOICES if each[1] <= start_s or each[0] >= end_s]
    sound = bursts(60.0, voices)
    add(sound, start_s + 0.3, noise(end_s - start_s - 0.6, -22.0, seed=5))
    tracks = heard(sound, voices)
    first, past = round((start_s + 0.3) / 0.032), round((end_s - 0.3) / 0.032)
    tracks.speech[first:past] = likely
    return tracks


def test_one_voice_remains_whole() -> None:
    assert remainder(room_with(60.0, VOICES), WHOLE, ()) == [WHOLE]


def test_another_voice_is_left_out_from_pause_to_pause() -> None:
    tracks, foreign = room_with(60.0, VOICES), Span(20.0, 29.6)
    found = remainder(tracks, WHOLE, (foreign,))
    assert _covered_s(found, foreign) < 0.5
    assert sum(each.duration_s for each in found) > 48.0
    edges_s = [edge_s for each in found for edge_s in (each.start_s, each.end_s) if 0.0 < edge_s < 60.0]
    assert len(edges_s) == 2
    for edge_s in edges_s:
        assert not any(each.span.start_s < edge_s < each.span.end_s for each in phrases(tracks))


def test_another_voice_at_the_beginning_or_the_end_is_left_out() -> None:
    tracks = room_with(60.0, VOICES)
    [after] = remainder(tracks, WHOLE, (Span(0.0, 9.8),))
    assert after.start_s > 9.6
    [before] = remainder(tracks, WHOLE, (Span(50.0, 60.0),))
    assert before.end_s < 50.4


def test_where_nobody_else_would_remain_all_is_taken() -> None:
    assert remainder(room_with(60.0, VOICES), WHOLE, (Span(0.0, 57.0),)) == [WHOLE]


def test_music_between_sentences_is_left_out() -> None:
    found = remainder(_with_music(20.0, 30.0), WHOLE, ())
    assert _covered_s(found, Span(20.5, 29.5)) == 0.0
    assert sum(each.duration_s for each in found) > 48.0


def test_what_may_be_speech_is_not_taken_for_music() -> None:
    assert _covered_s(remainder(_with_music(20.0, 30.0, likely=0.45), WHOLE, ()), Span(20.0, 30.0)) > 9.0


def test_a_short_noise_between_sentences_stays() -> None:
    assert remainder(_with_music(20.0, 22.0), WHOLE, ()) == [WHOLE]
