"""A queue and its workers over some hours: first come, first served, by slots that come and go with the workers.

Between two rounds of the scaler the slots are what they are, so that a round is simulated in one go. A worker that is
taken away hands back what it has in hand, and another begins it anew: worse than it is, since stages keep what they
have finished.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tests.capacity.scaling import ROUND_S, Rule, Scaler

Job = tuple[float, float]  # when it came to be due, and how long a slot has to do with it, in seconds


@dataclass(frozen=True, slots=True)
class Workers:
    """What workers a queue has: slots of each, the rule by which they are counted, and how long one takes to start."""

    slots: int
    rule: Rule
    start_s: float


@dataclass(slots=True)
class Course:
    """How it went. `ages_s`: each round, how long the job had waited that had waited longest."""

    waits_s: list[float] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)
    handed_back: int = 0

    @property
    def oldest_s(self) -> float:
        return max(self.ages_s)

    @property
    def most_workers(self) -> int:
        return max(self.workers)

    @property
    def mean_workers(self) -> float:
        return float(np.mean(self.workers))

    def wait_s(self, share: float) -> float:
        """Return the wait that this share of all jobs stayed below."""
        return float(np.quantile(self.waits_s, share))


@dataclass(slots=True)
class _Floor:
    """The workers at work: each slot with the moment it is free, and what it has in hand."""

    slots: int
    free: list[tuple[float, int, int]] = field(default_factory=list)  # a heap: free at, worker, slot
    hands: dict[tuple[int, int], Job] = field(default_factory=dict)
    workers: list[int] = field(default_factory=list)
    _hired: int = 0

    def hire(self, now_s: float, count: int) -> None:
        for _ in range(count):
            self._hired += 1
            self.workers.append(self._hired)
            for slot in range(self.slots):
                heapq.heappush(self.free, (now_s, self._hired, slot))

    def dismiss(self, now_s: float, count: int) -> list[Job]:
        """Send the newest away; return what they had in hand, due anew."""
        gone = set(self.workers[len(self.workers) - count :])
        del self.workers[len(self.workers) - count :]
        busy = [(worker, slot) for free_s, worker, slot in self.free if worker in gone and free_s > now_s]
        self.free = [entry for entry in self.free if entry[1] not in gone]
        heapq.heapify(self.free)
        return [(now_s, self.hands[hand][1]) for hand in busy]

    def running(self, now_s: float) -> int:
        return sum(1 for free_s, _, _ in self.free if free_s > now_s)

    def serve(self, waiting: deque[Job], until_s: float, waits_s: list[float]) -> None:
        """Let slots take what waits, in order, as long as they are free before the end of the round."""
        while waiting:
            came_s, lasts_s = waiting[0]
            free_s, worker, slot = self.free[0]
            start_s = max(came_s, free_s)
            if start_s >= until_s:
                return
            self.hands[worker, slot] = waiting.popleft()
            waits_s.append(start_s - came_s)
            heapq.heapreplace(self.free, (start_s + lasts_s, worker, slot))


def simulate(jobs: Iterable[Job], workers: Workers, *, begin_s: float = 0.0, begin_with: int | None = None) -> Course:
    """Run until all jobs are done. `jobs`: in the order of their coming; `begin_with`: workers there at first."""
    course, scaler, floor = Course(), Scaler(workers.rule), _Floor(workers.slots)
    floor.hire(begin_s, begin_with or workers.rule.least)
    starting: deque[float] = deque()  # when each of them will be there
    waiting: deque[Job] = deque()
    for now_s, came, is_over in _rounds(jobs, begin_s):
        while starting and starting[0] <= now_s:
            starting.popleft()
            floor.hire(now_s, 1)
        there = len(floor.workers) + len(starting)
        wanted = scaler.wanted(now_s, len(waiting) + floor.running(now_s), there)
        starting.extend([now_s + workers.start_s] * (wanted - there))
        for _ in range(min(there - wanted, len(starting))):
            starting.pop()
        back = floor.dismiss(now_s, max(0, len(floor.workers) + len(starting) - wanted)) if wanted < there else []
        course.handed_back += len(back)
        waiting.extend(back)
        course.ages_s.append(now_s - waiting[0][0] if waiting else 0.0)
        course.workers.append(len(floor.workers) + len(starting))
        waiting.extend(came)
        floor.serve(waiting, now_s + ROUND_S, course.waits_s)
        if is_over and not waiting:
            break
    return course


def _rounds(jobs: Iterable[Job], begin_s: float) -> Iterator[tuple[float, list[Job], bool]]:
    """Give each round's beginning, what comes in it, and whether nothing more will."""
    coming = iter(jobs)
    ahead = next(coming, None)
    now_s = begin_s
    while True:
        came: list[Job] = []
        while ahead is not None and ahead[0] < now_s + ROUND_S:
            came.append(ahead)
            ahead = next(coming, None)
        yield now_s, came, ahead is None
        now_s += ROUND_S
