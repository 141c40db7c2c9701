import numpy as np
import pytest

from worker.audio.measure.persons import ONE_PERSON_LIKENESS, strangers, told


def turned(degrees: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A unit vector at an angle, so that the likeness of two is the cosine of the angle between them."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def test_recordings_of_one_person_are_alike() -> None:
    assert strangers([turned(0), turned(20), turned(-20)]) == {}


def test_the_one_that_is_unlike_the_rest_is_named_wherever_it_stands() -> None:
    for place in range(3):
        voices = [turned(0), turned(10)]
        voices.insert(place, turned(80))
        found = strangers(voices)
        assert list(found) == [place]
        assert found[place] == pytest.approx(0.2, abs=0.2)


def test_of_two_that_differ_one_is_named() -> None:
    assert len(strangers([turned(0), turned(70)])) == 1


def test_the_person_is_who_speaks_longest() -> None:
    voices = [turned(0), turned(80), turned(5), turned(85)]
    assert set(strangers(voices, [10.0, 60.0, 10.0, 60.0])) == {0, 2}
    assert set(strangers(voices, [60.0, 10.0, 60.0, 10.0])) == {1, 3}
    assert set(strangers([turned(0), turned(70)], [5.0, 50.0])) == {0}


def test_one_recording_and_those_without_a_voice_are_no_strangers() -> None:
    assert strangers([]) == strangers([turned(0)]) == strangers([None, turned(0), None]) == {}


def test_what_is_told_names_the_likeness_and_what_to_do() -> None:
    assert "0.41" in told(0.41)
    assert "one person only" in told(0.41)
    assert 0.5 < ONE_PERSON_LIKENESS < 0.9
