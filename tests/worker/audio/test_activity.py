import numpy as np

from worker.audio.activity import find_activity, runs


def _levels(*stretches: tuple[float, int]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Powers of stretches given as (level in dB, frames)."""
    return np.concatenate([np.full(frames, 10 ** (level_db / 10), np.float32) for level_db, frames in stretches])


def test_what_stands_well_above_the_floor_is_active() -> None:
    activity = find_activity(_levels((-60, 100), (-20, 50), (-60, 100)))
    assert activity.is_certain
    assert runs(activity.active) == [(98, 152)]  # smoothing over 50 ms widens a loud stretch by two frames a side


def test_steady_noise_has_nothing_active() -> None:
    noise = 10 ** (np.random.default_rng(1).normal(-40, 1.0, 2_000) / 10)
    activity = find_activity(noise.astype(np.float32))
    assert not activity.is_certain
    assert not activity.active.any()


def test_silence_and_nothing_have_nothing_active() -> None:
    assert not find_activity(np.zeros(500, np.float32)).active.any()
    assert not find_activity(np.zeros(0, np.float32)).active.any()


def test_digital_silence_does_not_lower_the_floor() -> None:
    powers = np.concatenate((np.zeros(500, np.float32), _levels((-40, 200), (-20, 100), (-40, 200))))
    assert abs(find_activity(powers).floor_db + 40) < 1


def test_in_a_quiet_room_breath_far_below_speech_is_not_active() -> None:
    activity = find_activity(_levels((-100, 100), (-65, 50), (-100, 50), (-20, 100)))
    assert runs(activity.active) == [(198, 300)]


def test_runs_are_first_and_one_past_the_last() -> None:
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, bool)) == []
