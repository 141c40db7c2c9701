import pytest

from worker.audio.measure.rota import ALL_S, is_heard


@pytest.mark.parametrize("moment_s", [0.0, 60.0, ALL_S - 0.1, ALL_S, ALL_S + 19.9, ALL_S + 200.0])
def test_the_beginning_and_twenty_seconds_of_every_round_are_heard(moment_s: float) -> None:
    assert is_heard(moment_s)


@pytest.mark.parametrize("moment_s", [ALL_S + 20.0, ALL_S + 199.9, ALL_S + 220.0])
def test_the_rest_of_a_round_is_not(moment_s: float) -> None:
    assert not is_heard(moment_s)


def test_of_an_hour_about_a_sixth_is_heard() -> None:
    assert 600 < sum(is_heard(second) for second in range(3_600)) < 660
