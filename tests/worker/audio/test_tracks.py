import numpy as np
import pytest

from worker.audio.tracks import BANDS, HOPS_PER_WINDOW, WINDOW_S, Span, Tracks, join


def numbered(windows: int) -> Tracks:
    count = np.arange(windows, dtype=np.float32)
    bands = np.repeat(np.arange(windows * HOPS_PER_WINDOW, dtype=np.float16)[:, None], BANDS, axis=1)
    return Tracks(-count, count / max(windows, 1), count > 0, bands, "silero")


def test_a_part_has_the_windows_of_its_span_in_every_track() -> None:
    part = numbered(100).part(Span(10 * WINDOW_S, 20 * WINDOW_S))
    assert (-part.levels_db).tolist() == list(range(10, 20))
    assert part.bands_db[:, 0].tolist() == list(range(20, 40))
    assert part.duration_s == pytest.approx(10 * WINDOW_S)


@pytest.mark.parametrize("span", [Span(-5.0, -1.0), Span(90.0, 99.0), Span(2.0, 1.0)])
def test_a_part_outside_of_the_recording_is_empty(span: Span) -> None:
    assert numbered(10).part(span).windows == 0


def test_parts_are_joined_in_their_order() -> None:
    tracks = numbered(10)
    joined = join([tracks.part(Span(5 * WINDOW_S, 7 * WINDOW_S)), tracks.part(Span(0.0, 2 * WINDOW_S))])
    assert (-joined.levels_db).tolist() == [5, 6, 0, 1]
    assert joined.bands_db[:, 0].tolist() == [10, 11, 12, 13, 0, 1, 2, 3]


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="nothing"):
        join([])
