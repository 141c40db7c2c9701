"""The simulation, held against what is known without one: Erlang's formula, and the rule that it says it follows."""

import random
from collections.abc import Iterator
from math import factorial

import pytest

from shared.states import Queue
from tests.capacity.scaling import ROUND_S, Rule, Scaler
from tests.capacity.simulation import Job, Workers, simulate

SEED = 20261126


def erlang_c_wait_s(rate: float, service_s: float, servers: int) -> float:
    """Return the mean wait of M/M/c (A. K. Erlang, 1917)."""
    load = rate * service_s
    last = load**servers / factorial(servers) * servers / (servers - load)
    waits = last / (sum(load**n / factorial(n) for n in range(servers)) + last)
    return waits * service_s / (servers - load)


def markovian(rate: float, service_s: float, count: int, seed: int) -> Iterator[Job]:
    dice, now_s = random.Random(seed), 0.0
    for _ in range(count):
        now_s += dice.expovariate(rate)
        yield now_s, dice.expovariate(1 / service_s)


def fixed(servers: int) -> Rule:
    return Rule(target=1.0, least=servers, most=servers)


@pytest.mark.parametrize(("servers", "slots", "load"), [(1, 1, 0.6), (5, 1, 0.7), (3, 2, 0.7), (1, 8, 0.7)])
def test_without_scaling_the_mean_wait_is_erlangs(servers: int, slots: int, load: float) -> None:
    service_s, total = 2.0, servers * slots
    rate = load * total / service_s
    workers = Workers(slots, fixed(servers), 0.0)
    runs = [simulate(markovian(rate, service_s, 100_000, seed), workers).waits_s for seed in range(SEED, SEED + 4)]
    mean_s = sum(map(sum, runs)) / sum(map(len, runs))
    assert mean_s == pytest.approx(erlang_c_wait_s(rate, service_s, total), rel=0.05)


def test_every_job_is_begun_and_those_of_dismissed_workers_again() -> None:
    rule = Rule(target=2.0, least=1, most=30, stabilization_s=60.0, down_share=0.5)
    burst = [(float(n % 2), 200.0) for n in range(2)] + [(1.0, 20.0)] * 60
    jobs = [*sorted(burst), (2000.0, 1.0)]
    course = simulate(jobs, Workers(2, rule, 30.0))
    assert course.most_workers > 10
    assert course.workers[-1] < 5
    assert len(course.waits_s) == len(jobs) + course.handed_back


def test_workers_come_as_fast_as_an_hpa_lets_them_and_never_above_the_most() -> None:
    scaler = Scaler(Rule(target=2.0, least=1, most=50))
    workers, seen = 1, []
    for number in range(6):
        workers = scaler.wanted(number * ROUND_S, 1000, workers)
        seen.append(workers)
    assert seen == [5, 10, 20, 40, 50, 50]


def test_workers_go_slowly_once_the_calm_has_lasted() -> None:
    scaler = Scaler(Rule.of(Queue.AUDIO))
    workers = scaler.wanted(0.0, 80, 40)
    seen = [workers]
    for number in range(1, 40):
        workers = scaler.wanted(number * ROUND_S, 0, workers)
        seen.append(workers)
    assert seen[: int(300 / ROUND_S)] == [40] * int(300 / ROUND_S)
    assert seen[int(300 / ROUND_S) + 1 : int(300 / ROUND_S) + 4] == [30, 30, 30]
    assert all(later >= int(earlier * 0.75) for earlier, later in zip(seen, seen[4:], strict=False))


def test_what_is_near_enough_is_left_alone() -> None:
    scaler = Scaler(Rule(target=10.0, least=1, most=50))
    assert scaler.wanted(0.0, 109, 10) == 10
    assert scaler.wanted(15.0, 112, 10) == 12
