"""Paid calls at vendors: the intent is committed before the call, and what is known of it after.

Between the two lies the only place where a death can cost money, so a submission that is still `intended` is never
called again before the vendor was searched for its marker (worker/stages/submit.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from shared.claims import Claim
from shared.db.models import Clone, Submission
from shared.db.moment import db_now
from shared.ids import SUBMISSION, new_id
from shared.states import SubmissionState

_ID_PART = 16  # 80 random bits of the job's id; with prefix and number a marker stays under Bland's 30 characters


@dataclass(frozen=True, slots=True)
class Intent:
    """A submission as its row tells it; `age_s` is how long ago, on the database's clock, the call was begun."""

    id: str
    marker: str
    state: SubmissionState
    age_s: float
    empty_looks: int
    vendor_voice_id: str | None


def latest(session: Session, job_id: str) -> Intent | None:
    """Return the newest submission of a job."""
    found = _intents(session, Submission.job_id == job_id)
    return found[-1] if found else None


def of_clone(session: Session, clone_id: str) -> tuple[Intent, ...]:
    """Return every submission ever made for a clone, oldest first."""
    return _intents(session, Submission.clone_id == clone_id)


def _intents(session: Session, condition: object) -> tuple[Intent, ...]:
    rows = session.execute(
        select(Submission, db_now().label("now")).where(condition).order_by(Submission.called_at)  # type: ignore[arg-type]
    ).all()
    return tuple(
        Intent(row.id, row.marker, row.state, _age_s(row.called_at, now), row.empty_looks, row.vendor_voice_id)
        for row, now in rows
    )


def _age_s(called_at: datetime, now: datetime) -> float:
    return (now - called_at).total_seconds()


def intend(session: Session, claim: Claim, number: int) -> str:
    """Write that a call is about to be made; return the marker that the vendor shall keep."""
    marker = f"cp-{claim.job_id.partition('_')[2][:_ID_PART]}-{number}"
    session.execute(
        insert(Submission).values(
            id=new_id(SUBMISSION), account_id=claim.account_id, clone_id=claim.clone_id, job_id=claim.job_id,
            marker=marker, state=SubmissionState.INTENDED, calls=1, called_at=db_now(), empty_looks=0,
        )
    )  # fmt: skip
    return marker


def intend_again(session: Session, intent: Intent) -> None:
    """Write that the same call is about to be made once more, because the vendor knows nothing of the first."""
    session.execute(
        update(Submission)
        .where(Submission.id == intent.id)
        .values(
            state=SubmissionState.INTENDED,
            calls=Submission.calls + 1,
            called_at=db_now(),
            empty_looks=0,
            looked_at=None,
        )
    )


def note_empty_look(session: Session, intent: Intent) -> None:
    """Write that the vendor was searched for the marker and has nothing (yet)."""
    session.execute(
        update(Submission)
        .where(Submission.id == intent.id)
        .values(empty_looks=Submission.empty_looks + 1, looked_at=db_now())
    )


def accept(session: Session, marker: str, voice_id: str) -> None:
    """Write which voice came of a call, on the submission and on its clone."""
    clone_id = session.execute(
        update(Submission)
        .where(Submission.marker == marker)
        .values(state=SubmissionState.ACCEPTED, vendor_voice_id=voice_id)
        .returning(Submission.clone_id)
    ).scalar_one()
    session.execute(update(Clone).where(Clone.id == clone_id).values(vendor_voice_id=voice_id))


def refuse(session: Session, marker: str) -> None:
    """Write that nothing came of a call: the vendor said no, or was not reached."""
    session.execute(update(Submission).where(Submission.marker == marker).values(state=SubmissionState.REFUSED))
