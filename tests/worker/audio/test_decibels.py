import pytest

from worker.audio.decibels import FLOOR_DB, amplitude_to_db, db_to_amplitude, power_to_db


def test_known_levels() -> None:
    assert amplitude_to_db(1.0) == 0.0
    assert amplitude_to_db(0.5) == pytest.approx(-6.02, abs=0.01)
    assert power_to_db(0.5) == pytest.approx(-3.01, abs=0.01)
    assert db_to_amplitude(-6.0206) == pytest.approx(0.5, rel=1e-4)


def test_nothing_has_a_level_that_json_can_hold() -> None:
    assert amplitude_to_db(0.0) == power_to_db(0.0) == FLOOR_DB
