"""A day of clones: when they come, what each asks of a queue's slots, and how it goes with the planned workers.

Clones come at random at a rate that rises and falls over the day. Each is of a kind, and lasts as long as one of its
kind that was measured; where a worker has fewer processors than slots, a slot is that much slower, as if all were busy.
"""

import random
from collections.abc import Callable, Iterator
from functools import cache
from math import ceil, cos, pi
from typing import Final

from shared.states import QUEUE_OF, Queue, Stage
from tests.capacity.measured import CloneCost, Measured, load
from tests.capacity.plan import DAY_S, PEAK, planned, requested_cores, shares, threads
from tests.capacity.scaling import Rule
from tests.capacity.simulation import Course, Job, Workers, simulate

SEED: Final = 20261126
DEMANDS: Final = (1_000, 100_000, 10_000_000)
START_S: Final = 60.0  # until a new worker takes work: its image, its libraries, and a node that may have to come first
PEAK_AT_S: Final = 14 * 3600.0
_MOST_JOBS: Final = 400_000  # of one run: what would be more is looked at around its peak only
_SPARE: Final = 1.5  # what the maximum of workers is set to, over the plan
_LOOK_EVERY_S: Final = 10.0  # Buena's training
_SHARPNESS: Final = 6
_FLOOR: Final = (1 - 0.3125 * PEAK) / (1 - 0.3125)  # 0.3125: the mean of cos^6


def rate(at_s: float) -> float:
    """Return the rate of coming at a time of day over the day's mean: `PEAK` in the afternoon, little at night."""
    return _FLOOR + (PEAK - _FLOOR) * cos(pi * (at_s - PEAK_AT_S) / DAY_S) ** _SHARPNESS


def comings(clones_per_day: float, begin_s: float, end_s: float, dice: random.Random) -> Iterator[float]:
    """Give the times at which clones come: a Poisson process of that rate, thinned (Lewis and Shedler, 1979)."""
    most, now_s = clones_per_day / DAY_S * PEAK, begin_s
    while (now_s := now_s + dice.expovariate(most)) < end_s:
        if dice.random() * PEAK < rate(now_s):
            yield now_s


def audio_jobs(measured: Measured, times: Iterator[float], dice: random.Random) -> Iterator[Job]:
    """Give what the audio workers get: each clone once."""
    draw = _drawn(measured, dice)
    crowded = threads("worker-audio") / requested_cores("worker-audio")
    for at_s in times:
        clone = draw()
        yield at_s, max(lasts_s(clone, Queue.AUDIO), clone.cpu_s["worker-audio"] * crowded)


def vendor_jobs(measured: Measured, times: Iterator[float], dice: random.Random) -> Iterator[Job]:
    """Give what the vendors' workers get: the submission, and then one look after the other at the training."""
    draw = _drawn(measured, dice)
    crowded = threads("worker-vendor") / requested_cores("worker-vendor")
    calls: list[Job] = []
    for at_s in times:
        clone = draw()
        runs_s = [*clone.stages_s[Stage.SUBMIT], *clone.stages_s[Stage.TRACK]]
        slowest_s = clone.cpu_s["worker-vendor"] / len(runs_s) * crowded
        begin_s = at_s + lasts_s(clone, Queue.AUDIO)
        calls += [(begin_s + number * _LOOK_EVERY_S, max(run_s, slowest_s)) for number, run_s in enumerate(runs_s)]
    yield from sorted(calls)


def lasts_s(clone: CloneCost, queue: Queue) -> float:
    """Return how long the stages of a queue took with a clone."""
    return sum(sum(runs_s) for stage, runs_s in clone.stages_s.items() if QUEUE_OF[Stage(stage)] is queue)


def _drawn(measured: Measured, dice: random.Random) -> Callable[[], CloneCost]:
    weights = shares(measured)
    kinds = list(weights)
    clones = {kind: measured.of(kind) for kind in kinds}
    return lambda: dice.choice(clones[dice.choices(kinds, [weights[kind] for kind in kinds])[0]])


def most_workers(clones_per_day: int, queue: Queue) -> int:
    """Return what a cell's maximum of workers must be: that of the manifests, or more where the plan asks for it."""
    plan = planned(load(), clones_per_day)
    return max(Rule.of(queue).most, ceil(plan.replicas[f"worker-{queue}"] / plan.cells * _SPARE))


@cache
def course(clones_per_day: int, queue: Queue) -> Course:
    """Return how a day goes in a queue of one cell, or what is around its peak."""
    measured, dice = load(), random.Random(SEED)
    here = clones_per_day / planned(measured, clones_per_day).cells
    each = 1 if queue is Queue.AUDIO else 1 + len(measured.clones[0].stages_s[Stage.TRACK])
    long_s = min(DAY_S, _MOST_JOBS / (here / DAY_S * PEAK * each))
    begin_s = max(0.0, min(PEAK_AT_S - long_s / 2, DAY_S - long_s))
    times = comings(here, begin_s, begin_s + long_s, dice)
    jobs = (audio_jobs if queue is Queue.AUDIO else vendor_jobs)(measured, times, dice)
    name = f"worker-{queue}"
    workers = Workers(threads(name), Rule.of(queue, most=most_workers(clones_per_day, queue)), START_S)
    there = ceil(planned(measured, clones_per_day).replicas[name] / planned(measured, clones_per_day).cells)
    return simulate(jobs, workers, begin_s=begin_s, begin_with=None if long_s == DAY_S else there)
