"""The bench's arithmetic, and that it runs. What it measures is printed and never asserted."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.bench.poller import at
from tests.bench.rounds import Reading, Spread, Subject, compare, interleave, printed, ratios

HOUSE = Path(__file__).parents[2]


def test_a_ratio_is_taken_within_each_round_and_not_between_medians() -> None:
    assert ratios([10.0, 40.0, 90.0], [20.0, 20.0, 30.0]) == Spread(2.0, 0.5, 3.0)


def test_a_round_without_a_figure_has_no_ratio() -> None:
    assert ratios([None, 3.0], [1.0, 2.0]) == Spread(1.5, 1.5, 1.5)
    assert ratios([None], [1.0]) is None


def test_a_spread_is_the_median_the_least_and_the_most() -> None:
    assert Spread.of([4.0, 1.0, 2.0, 3.0]) == Spread(2.5, 1.0, 4.0)
    assert Spread.of([4.0, 1.0]).is_wide
    assert not Spread.of([4.0, 3.0]).is_wide


def test_a_percentile_is_the_nearest_rank() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert (at(ordered, 0.5), at(ordered, 0.99), at([7.0], 0.99)) == (50.0, 99.0, 7.0)


def test_subjects_take_turns_forwards_and_backwards_after_a_warm_up() -> None:
    turns: list[str] = []

    def take(name: str) -> Reading:
        turns.append(name)
        return (1.0,)

    subjects = [Subject(name, partial(take, name)) for name in "AB"]
    readings = interleave(subjects, rounds=3)
    assert "".join(turns) == "AB" + "AB" + "BA" + "AB"
    assert [len(found) for found in readings.values()] == [3, 3]


def test_a_table_shows_each_floor_and_warns_of_a_wide_spread() -> None:
    subjects = [Subject("floor", lambda: ()), Subject("ours", lambda: (), "floor")]
    readings: dict[str, list[Reading]] = {"floor": [(100.0,), (100.0,)], "ours": [(50.0,), (20.0,)]}
    text = printed(compare("a comparison", ["MB/s"], subjects, readings))
    assert "0.35 (0.20-0.50)" in text
    assert "wide spread" in text


@pytest.mark.skipif(sys.platform != "linux", reason="the bench's servers are tied to it by prctl")
def test_the_bench_runs_and_says_what_it_measured() -> None:
    command = [sys.executable, "-m", "tests.bench", "--quick", "--only", "intake", "--json"]
    told = subprocess.run(command, cwd=HOUSE, capture_output=True, timeout=300, check=False)
    assert told.returncode == 0, told.stderr.decode()
    tables = json.loads(told.stdout)["benches"]["intake"]
    assert [row["floor"] for row in tables[0]["rows"]][-2:] == ["floor: boto3.upload_file", "floor: write + fsync"]
