import numpy as np
import pytest

from tests.worker.audio.spoken_tracks import add, bursts, heard, noise, room_with
from worker.audio.choose.merits import Grounds
from worker.audio.choose.runs import find_atoms, judge_runs

THREE = [(1.0, 3.0), (3.5, 5.0), (6.5, 8.0)]


def test_atoms_open_before_speech_and_close_after_it() -> None:
    atoms = find_atoms(room_with(10.0, THREE), longest_s=5.0)
    assert atoms.opens_s == pytest.approx([0.85, 3.35, 6.35], abs=0.02)
    assert atoms.closes_s == pytest.approx([3.2, 5.2, 8.2], abs=0.02)
    assert atoms.gaps_s == pytest.approx([0.5, 1.5], abs=0.04)
    assert not atoms.open_costs.any()
    assert not atoms.close_costs.any()


def test_neighbours_share_a_short_pause() -> None:
    atoms = find_atoms(room_with(10.0, [(1.0, 3.0), (3.2, 5.0)]), longest_s=5.0)
    assert atoms.closes_s[0] == pytest.approx(atoms.opens_s[1])


def test_atoms_leave_out_the_noise_behind_a_pause() -> None:
    sound = bursts(10.0, [(3.0, 5.0)])
    add(sound, 1.0, noise(1.9, -25.0, seed=5))  # ends 100 ms before the voice begins
    add(sound, 5.12, noise(2.0, -25.0, seed=6))
    atoms = find_atoms(heard(sound, [(3.0, 5.0)]), longest_s=5.0)
    assert atoms.opens_s == pytest.approx([2.9], abs=0.033)
    assert atoms.opens_s[0] >= 2.9
    assert atoms.closes_s == pytest.approx([5.12], abs=0.033)
    assert atoms.closes_s[0] <= 5.12


def test_what_is_loud_up_to_the_voice_stays_with_it() -> None:
    sound = bursts(10.0, [(3.0, 5.0)])
    add(sound, 2.0, noise(0.95, -25.0, seed=5))  # 50 ms are a stop within a word
    atoms = find_atoms(heard(sound, [(3.0, 5.0)]), longest_s=5.0)
    assert atoms.opens_s[0] < 2.9


def test_edges_in_short_pauses_cost() -> None:
    atoms = find_atoms(heard(bursts(10.0, [(1.0, 3.0), (3.13, 5.0)]), [(1.0, 5.0)]), longest_s=5.0)
    assert atoms.close_costs == pytest.approx([0.3, 0.0])
    assert atoms.open_costs == pytest.approx([0.0, 0.3])


def test_edges_within_speech_cost_more() -> None:
    atoms = find_atoms(room_with(10.0, [(1.0, 9.0)]), longest_s=5.0)
    assert len(atoms) == pytest.approx(8, abs=1)
    assert (atoms.open_costs[1:] >= 1).all()
    assert atoms.open_costs[0] == 0


def test_edges_in_loud_pauses_cost() -> None:
    atoms = find_atoms(room_with(10.0, THREE, room_db=-30.0), longest_s=5.0)
    assert (atoms.open_costs > 0.9).all()
    assert (atoms.close_costs > 0.9).all()


def test_the_beginning_and_the_end_of_the_recording_cost_nothing() -> None:
    atoms = find_atoms(room_with(4.0, [(0.0, 4.0)], room_db=-30.0), longest_s=5.0)
    assert (atoms.open_costs[0], atoms.close_costs[-1]) == (0, 0)


def test_all_runs_within_the_lengths_are_judged() -> None:
    tracks = room_with(10.0, THREE)
    runs = judge_runs(Grounds(tracks, None, ()), find_atoms(tracks, longest_s=5.0), least_s=2.0, best_s=4.0, most_s=5.0)
    assert list(zip(runs.firsts.tolist(), runs.lasts.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 2)]
    assert runs.scores.argmax() == 1


def test_the_longest_pause_of_a_run_costs() -> None:
    tracks = room_with(10.0, THREE)
    runs = judge_runs(Grounds(tracks, None, ()), find_atoms(tracks, longest_s=5.0), least_s=2.0, best_s=4.0, most_s=9.0)
    pauses = dict(zip(zip(runs.firsts.tolist(), runs.lasts.tolist(), strict=True), runs.points[:, 5], strict=True))
    assert pauses[0, 1] == 0
    assert pauses[1, 2] == pytest.approx(-0.8 * 0.9, abs=0.04)
    assert pauses[0, 2] == pauses[1, 2]


def test_more_phrases_than_are_judged_at_once_give_the_same_runs() -> None:
    voices = [(start_s, start_s + 0.6) for start_s in np.arange(0.1, 600.0, 1.0).tolist()]
    tracks = room_with(601.0, voices)
    runs = judge_runs(Grounds(tracks, None, ()), find_atoms(tracks, longest_s=5.0), least_s=1.0, best_s=2.0, most_s=3.0)
    assert (np.diff(runs.firsts) >= 0).all()
    assert np.unique(runs.firsts).size >= 598


def test_no_speech_has_no_runs() -> None:
    tracks = heard(bursts(5.0, []), [])
    atoms = find_atoms(tracks, longest_s=5.0)
    assert len(atoms) == 0
    assert len(judge_runs(Grounds(tracks, None, ()), atoms, least_s=1.0, best_s=2.0, most_s=3.0)) == 0
