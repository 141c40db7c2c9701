"""The plans hold what they promise, and the simulated days keep below the alert on what waits."""

import re
from typing import Final

import pytest
import yaml

from shared.states import Queue
from tests.capacity.day import DAY_S, DEMANDS, course, rate
from tests.capacity.measured import PARTS, load
from tests.capacity.plan import BUSY, LENGTHS, PEAK, mean, planned, requested_cores, shares
from tests.deploy.compose import DEPLOY

_SCALED: Final = ("api", "worker-audio", "worker-vendor", "worker-callback")


def alert_s(name: str) -> float:
    """Return what an alert's expression is held against."""
    (group,) = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text())["groups"]
    (rule,) = (rule for rule in group["rules"] if rule["alert"] == name)
    found = re.search(r"> (\d+)$", rule["expr"])
    assert found, rule
    return float(found[1])


def test_every_part_and_every_length_of_the_demand_was_measured() -> None:
    measured = load()
    assert {kind.length_s for kind in measured.kinds} == set(LENGTHS)
    assert all(set(clone.cpu_s) == set(PARTS) for clone in measured.clones)
    assert set(measured.memory) == set(measured.idle_cores) == set(PARTS)
    assert sum(shares(measured).values()) == pytest.approx(1.0)


@pytest.mark.parametrize("demand", DEMANDS)
def test_the_busiest_hour_leaves_room_on_every_process(demand: int) -> None:
    one, plan = mean(load()), planned(load(), demand)
    for name in _SCALED:
        assert plan.peak_per_s * one.cpu_s[name] <= plan.replicas[name] * requested_cores(name) * BUSY


def test_a_plan_grows_with_its_demand_and_wastes_little() -> None:
    least, middle, most = (planned(load(), demand) for demand in DEMANDS)
    assert least.cells == middle.cells == 1 < most.cells
    for name in _SCALED:
        assert least.replicas[name] <= middle.replicas[name] <= most.replicas[name]
    assert most.replicas["worker-audio"] <= 100 * middle.replicas["worker-audio"]


def test_a_day_has_its_mean_and_its_peak() -> None:
    rates = [rate(at_s) for at_s in range(0, int(DAY_S), 60)]
    assert sum(rates) / len(rates) == pytest.approx(1.0)
    assert max(rates) == pytest.approx(PEAK)
    assert min(rates) > 0


@pytest.mark.parametrize("queue", [Queue.AUDIO, Queue.VENDOR])
@pytest.mark.parametrize("demand", DEMANDS)
def test_no_job_of_a_simulated_day_waits_until_the_alert(demand: int, queue: Queue) -> None:
    assert course(demand, queue).oldest_s < alert_s("ClonepipeJobsWait")


def test_with_half_of_the_planned_workers_the_alert_would_fire() -> None:
    plan = planned(load(), 100_000)
    needed = plan.peak_per_s * mean(load()).cpu_s["worker-audio"] / requested_cores("worker-audio")
    assert needed > plan.replicas["worker-audio"] / 2
