import numpy as np
import pytest

from tests.worker.audio.spoken_tracks import phrases_of, room_with
from worker.audio.choose.merits import Candidates, Grounds, Merits
from worker.audio.tracks import Span, Tracks

VOICES = phrases_of(0.0, 20.0)


def _merits(tracks: Tracks, span: Span, *, best_s: float = 8.0, pause_s: float = 0.4, **others: object) -> Merits:
    grounds = Grounds(tracks, others.get("flat_tops_per_s"), others.get("foreign", ()))  # type: ignore[arg-type]
    candidates = Candidates(*(np.array([value]) for value in (span.start_s, span.end_s, pause_s, 0.0)))
    return Merits(*grounds.judge(candidates, best_s)[0])


def test_clean_speech_of_the_best_length_gets_nearly_all_points() -> None:
    merits = _merits(room_with(20.0, VOICES), Span(0.0, 8.0))
    assert merits.snr == pytest.approx(3.0, abs=0.2)
    assert merits.speech == pytest.approx(1.5 * 0.8, abs=0.05)
    assert merits.likely == pytest.approx(0.95, abs=0.01)
    costs = (merits.flat_tops, merits.noise, merits.pause, merits.length, merits.level, merits.foreign, merits.cuts)
    assert sum(costs) == pytest.approx(0.0, abs=0.05)


def test_noise_costs_where_it_is_loud() -> None:
    merits = _merits(room_with(20.0, VOICES, room_db=-28.0), Span(0.0, 8.0))
    assert merits.snr < 1.5
    assert merits.noise == pytest.approx(-3 * 0.2, abs=0.1)


def test_any_clipping_costs_and_more_so_the_more_seconds_of_it_there_are() -> None:
    tracks, seconds = room_with(20.0, VOICES), np.zeros(20, np.int32)
    seconds[3] = 9
    assert _merits(tracks, Span(0.0, 8.0), flat_tops_per_s=seconds).flat_tops == pytest.approx(-1.5)
    assert _merits(tracks, Span(0.0, 8.0), flat_tops_per_s=np.full(20, 9)).flat_tops == pytest.approx(-5.0)


def test_counts_of_clipping_may_end_before_the_recording() -> None:
    assert _merits(room_with(20.0, VOICES), Span(10.0, 18.0), flat_tops_per_s=np.full(3, 900)).flat_tops == 0.0


def test_a_long_pause_costs() -> None:
    assert _merits(room_with(20.0, VOICES), Span(0.0, 8.0), pause_s=1.6).pause == pytest.approx(-0.8)


def test_another_length_than_the_best_costs() -> None:
    assert _merits(room_with(20.0, VOICES), Span(0.0, 10.0), best_s=8.0).length == pytest.approx(-1.5 / 4)


def test_a_foreign_voice_costs_more_than_everything_else_together() -> None:
    assert _merits(room_with(20.0, VOICES), Span(0.0, 8.0), foreign=[Span(7.0, 9.0)]).foreign < -10


def test_the_edge_of_a_foreign_voice_costs_nothing() -> None:
    assert _merits(room_with(20.0, VOICES), Span(0.0, 8.0), foreign=[Span(7.95, 9.0)]).foreign == 0


def test_spans_outside_of_the_recording_are_harmless() -> None:
    merits = _merits(room_with(20.0, VOICES), Span(0.0, 8.0), foreign=[Span(-5.0, -1.0), Span(50.0, 60.0)])
    assert merits.foreign == 0
