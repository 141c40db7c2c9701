"""How many workers there are at any moment: KEDA's rule with the figures of the manifests, on the HPA that it drives.

The HPA's part is as kubernetes.io documents it (tasks/run-application/horizontal-pod-autoscale, 1.37): every 15 s the
count over the target, rounded up; nothing within 10 % of what there is; upward at most to the double or by four a
round, downward to the highest wish of the stabilisation window, and by no more than the policy lets go in its period.
"""

from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final, Self

from shared.states import Queue
from tests.deploy.manifests import of_kind

ROUND_S: Final = 15.0
_TOLERANCE: Final = 0.1
_UP_FACTOR: Final = 2
_UP_PODS: Final = 4


@dataclass(frozen=True, slots=True)
class Rule:
    """What a queue's workers are scaled by. `target`: jobs, due or running, for each worker."""

    target: float
    least: int
    most: int
    stabilization_s: float = 0.0
    down_share: float = 1.0  # of the workers that there were a period ago
    down_period_s: float = 60.0

    @classmethod
    def of(cls, queue: Queue, *, most: int | None = None) -> Self:
        """Return the rule of the overlay `large`; `most` stands for a maximum that was raised."""
        spec: dict[str, Any] = of_kind("large", "ScaledObject")[f"worker-{queue}"]["spec"]
        assert spec["pollingInterval"] == ROUND_S
        (target,) = (one["metadata"]["targetQueryValue"] for one in spec["triggers"] if one["type"] == "postgresql")
        down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        (policy,) = down["policies"]
        assert policy["type"] == "Percent"
        return cls(
            float(target), spec["minReplicaCount"], most or spec["maxReplicaCount"],
            float(down["stabilizationWindowSeconds"]), policy["value"] / 100, float(policy["periodSeconds"]),
        )  # fmt: skip


@dataclass(slots=True)
class Scaler:
    """The rule at work: asked once a round."""

    rule: Rule
    _wishes: deque[tuple[float, int]] = field(default_factory=deque)
    _past: deque[tuple[float, int]] = field(default_factory=deque)

    def wanted(self, now_s: float, jobs: int, workers: int) -> int:
        """Return how many workers there shall be, where `workers` are there or starting and `jobs` due or running."""
        rule = self.rule
        wish = workers if self._is_near(jobs, workers) else ceil(jobs / rule.target)
        wish = min(max(wish, rule.least), rule.most)
        self._wishes.append((now_s, wish))
        self._past.append((now_s, workers))
        _forget(self._wishes, now_s - rule.stabilization_s)
        _forget(self._past, now_s - rule.down_period_s)
        if wish > workers:
            return min(wish, max(workers * _UP_FACTOR, workers + _UP_PODS))
        calm = min(workers, max(one for _, one in self._wishes))
        return max(calm, int(self._past[0][1] * (1 - rule.down_share)), rule.least)

    def _is_near(self, jobs: int, workers: int) -> bool:
        return abs(jobs / (self.rule.target * workers) - 1) <= _TOLERANCE


def _forget(seen: deque[tuple[float, int]], before_s: float) -> None:
    while seen[0][0] < before_s:
        seen.popleft()
