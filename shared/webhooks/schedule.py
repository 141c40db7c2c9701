"""When a delivery is tried again, and when an endpoint is given up. The pauses are those of Standard Webhooks."""

import random
from dataclasses import dataclass
from typing import Final

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
PAUSES_S: Final = (
    0.0, 5.0, 5 * MINUTE_S, 30 * MINUTE_S, 2 * HOUR_S, 5 * HOUR_S, 10 * HOUR_S, 14 * HOUR_S, 20 * HOUR_S, 24 * HOUR_S,
)  # before each attempt  # fmt: skip
GIVEN_UP_AFTER_S: Final = 5 * 24 * HOUR_S  # an endpoint that failed for so long, without one success, is disabled
_JITTER: Final = 0.2  # at most so much longer, so that what failed together does not come back together
_THROTTLES: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """The schedule as this installation keeps it; `scale` below 1 shortens it, against fakes."""

    scale: float = 1.0

    @property
    def given_up_after_s(self) -> float:
        return GIVEN_UP_AFTER_S * self.scale

    def pause_s(self, attempts: int, retry_after_s: float | None) -> float | None:
        """Return how long to wait after so many failed attempts, or None: it is given up."""
        if attempts >= len(PAUSES_S):
            return None
        pause_s = PAUSES_S[attempts] * self.scale * random.uniform(1.0, 1.0 + _JITTER)  # noqa: S311 - no secret
        return max(pause_s, retry_after_s or 0.0)


def slows_down(status: int | None, retry_after_s: float | None) -> bool:
    """Whether an answer asks that nothing else be sent for a while either."""
    return status in _THROTTLES and retry_after_s is not None
