"""How long a clone takes at an engine, by how long the last ones took; and between what, where enough of them did."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import Job
from shared.db.moment import db_now
from shared.states import JobKind, Outcome

HISTORY: Final = 20
LEAST: Final = 5  # runs of which a range is told: of fewer the next one often lies outside
_OVERHEAD_S: Final = 15.0  # our own stages, for an engine without a history


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds from a job's beginning to its end; `low_s` and `high_s` are None where nothing honest can be said.

    Nine of ten of the last runs took between the two; of fewer than twenty, all of them.
    """

    typical_s: float
    low_s: float | None = None
    high_s: float | None = None

    def moments(self) -> dict[str, Any]:
        """Return the columns of a job that begins now."""
        spans_s = {"eta_at": self.typical_s, "eta_low_at": self.low_s, "eta_high_at": self.high_s}
        return {name: None if span_s is None else db_now(span_s) for name, span_s in spans_s.items()}


def estimate(session: Session, vendor: str, engine: str, typical_s: float) -> Estimate:
    """Return how long a clone takes at this engine: the median of the last runs, else the vendor's word."""
    runs = session.execute(
        select(Job.created_at, Job.finished_at)
        .where(
            Job.vendor == vendor,
            Job.engine == engine,
            Job.kind == JobKind.CREATE,
            Job.outcome == Outcome.DONE,
            Job.retries == 0,  # one that failed in between says nothing of how long it takes
        )
        .order_by(Job.finished_at.desc())
        .limit(HISTORY)
    ).all()
    lengths_s = sorted((end - start).total_seconds() for start, end in runs if end is not None)
    if not lengths_s:
        return Estimate(typical_s + _OVERHEAD_S)
    middle_s = lengths_s[len(lengths_s) // 2]
    if len(lengths_s) < LEAST:
        return Estimate(middle_s)
    outside = len(lengths_s) // 20
    return Estimate(middle_s, lengths_s[outside], lengths_s[-1 - outside])
