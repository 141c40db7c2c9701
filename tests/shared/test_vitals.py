"""Signs of life: a loop that stands still is seen, one that rests is not held against the process."""

from shared.vitals import OK, Vitals
from tests.processes import until


def test_a_loop_is_stuck_when_its_round_takes_longer_than_it_said() -> None:
    vitals = Vitals()
    vitals.beat("heart", 3600.0)
    vitals.beat("consumer", 0.0)
    assert until(lambda: vitals.stuck() == ("consumer",))
    vitals.beat("consumer", 3600.0)
    assert vitals.stuck() == ()


def test_a_loop_that_rests_is_not_stuck() -> None:
    vitals = Vitals()
    vitals.beat("consumer", 0.0)
    assert until(lambda: vitals.stuck() == ("consumer",))
    vitals.rest("consumer")
    vitals.rest("never begun")
    assert vitals.stuck() == ()


def test_the_last_word_on_a_part_counts() -> None:
    vitals = Vitals()
    vitals.note("broker", "is not connected")
    vitals.note("database")
    vitals.note("broker")
    assert vitals.parts() == {"broker": OK, "database": OK}
