from dataclasses import replace

import numpy as np
import pytest

from tests.worker.audio.examined import talk, tracks_of
from worker.audio.measure.speaking import Speaking, speaking
from worker.audio.tracks import NOTHING_DB, WINDOW_S, Span, Tracks


def _with_level(tracks: Tracks, span: Span, level_db: float) -> Tracks:
    levels_db = tracks.levels_db.copy()
    levels_db[round(span.start_s / WINDOW_S) : round(span.end_s / WINDOW_S)] = level_db
    return replace(tracks, levels_db=levels_db)


def test_the_seconds_of_speech_are_those_of_its_windows() -> None:
    said = speaking(tracks_of([(2.0, False), (5.0, True), (3.0, False)]))
    assert said.duration_s == pytest.approx(5.0, abs=2 * WINDOW_S)
    assert said.share == 1.0


@pytest.mark.parametrize("noise_db", [-90.0, -45.0, -33.0])
def test_pauses_do_not_lower_the_share(noise_db: float) -> None:
    said = speaking(tracks_of([(60.0, False), (4.0, True), (60.0, False)], noise_db))
    assert said.duration_s == pytest.approx(4.0, abs=2 * WINDOW_S)
    assert said.share == 1.0


def test_what_is_as_loud_as_the_voice_lowers_the_share_by_its_length() -> None:
    tracks = tracks_of([(10.0, True), (10.0, False)])
    steady = _with_level(tracks, Span(0.0, 10.0), -25.0)
    music = _with_level(steady, Span(10.0, 20.0), -25.0)
    assert speaking(music).share == pytest.approx(0.5, abs=0.01)
    assert speaking(_with_level(steady, Span(10.0, 20.0), -40.0)).share == 1.0


def test_nobody_speaking_is_no_share() -> None:
    assert speaking(tracks_of([(5.0, False)])) == Speaking(0.0, 0.0)
    assert speaking(tracks_of([(5.0, True)]).part(Span(0.0, 0.0))) == Speaking(0.0, 0.0)


def test_speech_where_nothing_sounds_has_no_share() -> None:
    tracks = tracks_of([(5.0, True)])
    silent = replace(tracks, levels_db=np.full(tracks.windows, NOTHING_DB, np.float32))
    said = speaking(silent)
    assert 0.0 <= said.share <= 1.0
    assert np.isfinite(said.duration_s)


def test_the_level_of_the_recording_does_not_matter() -> None:
    tracks = tracks_of(talk(20.0))
    quiet = replace(tracks, levels_db=tracks.levels_db - 30)
    assert speaking(quiet) == speaking(tracks)
