import numpy as np
import pytest

from worker.audio.activity import Activity, find_activity
from worker.audio.trim import Span
from worker.audio.window import best_window


def _activity(duration_s: float, *spoken: tuple[float, float]) -> Activity:
    powers = np.full(round(duration_s * 100), 1e-7, np.float32)
    for start_s, end_s in spoken:
        powers[round(start_s * 100) : round(end_s * 100)] = 1e-2
    return find_activity(powers)


def test_a_recording_that_fits_is_kept_whole() -> None:
    assert best_window(_activity(8.0, (1, 7)), Span(0.5, 7.5), 7.0) == Span(0.5, 7.5)


def test_the_stretch_with_most_speech_is_chosen() -> None:
    activity = _activity(60.0, (5, 7), (20, 24), (24.5, 28), (28.4, 33), (50, 52))
    span = best_window(activity, Span(0.0, 60.0), 10.0)
    assert span.duration_s <= 10.0
    assert span.start_s >= 19.0
    assert span.end_s <= 33.5
    assert span.duration_s > 8.0


def test_the_end_is_drawn_in_to_a_pause() -> None:
    span = best_window(_activity(30.0, (0, 9.3), (9.6, 12), (20, 22)), Span(0.0, 30.0), 10.0)
    assert span.start_s == 0.0
    assert span.end_s == pytest.approx(9.45, abs=0.05)


def test_without_a_pause_the_length_decides() -> None:
    assert best_window(_activity(30.0, (0, 30)), Span(0.0, 30.0), 10.0) == Span(0.0, 10.0)


def test_the_window_stays_within_the_trimmed_span() -> None:
    span = best_window(_activity(30.0, (3, 29)), Span(2.5, 29.2), 25.0)
    assert span.start_s >= 2.5
    assert span.end_s <= 29.2
    assert span.duration_s <= 25.0


def test_very_short_windows_do_not_collapse() -> None:
    activity = _activity(10.0, (0, 0.5), (0.8, 1.2), (1.5, 10))
    assert best_window(activity, Span(0.0, 10.0), 1.0).duration_s >= 0.5
