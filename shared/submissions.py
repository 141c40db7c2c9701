"""Paid calls at vendors: the intent is committed before the call, and what is known of it after.

Between the two lies the only place where a death can cost money, so a submission that is still `intended` is never
called again before the vendor was searched for its marker (worker/stages/submit.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from shared.claims import Claim
from shared.db.models import Clone, Submission
from shared.db.moment import db_now
from shared.ids import SUBMISSION, new_id
from shared.states import SubmissionState

_ID_PART = 16  # 80 random bits of the job's id; with prefix and number a marker stays under Bland's 30 characters


@dataclass(frozen=True, slots=True)
class Intent:
    """A submission as its row tells it.

    Attributes:
        age_s: How long ago, on the database's clock, the call was begun.
        calls: How many were made in a row without an answer.
        is_doubted: An answer of it was lost once, so that a twin may turn up late.
        held_before: The vendor's ids of the samples that it held before, for a call that adds some.
    """

    id: str
    marker: str
    state: SubmissionState
    age_s: float
    calls: int
    empty_looks: int
    vendor_voice_id: str | None
    vendor: str
    engine: str
    is_doubted: bool
    held_before: tuple[str, ...] | None


def latest(session: Session, job_id: str) -> Intent | None:
    """Return the newest submission of a job."""
    found = of_job(session, job_id)
    return found[-1] if found else None


def of_job(session: Session, job_id: str) -> tuple[Intent, ...]:
    """Return every submission of a job, oldest first."""
    return _intents(session, Submission.job_id == job_id)


def of_clone(session: Session, clone_id: str) -> tuple[Intent, ...]:
    """Return every submission ever made for a clone, oldest first."""
    return _intents(session, Submission.clone_id == clone_id)


def _intents(session: Session, condition: object) -> tuple[Intent, ...]:
    rows = session.execute(
        select(Submission, db_now().label("now")).where(condition).order_by(Submission.called_at)  # type: ignore[arg-type]
    ).all()
    return tuple(
        Intent(
            row.id, row.marker, row.state, (now - row.called_at).total_seconds(), row.calls, row.empty_looks,
            row.vendor_voice_id, row.vendor, row.engine, row.look_again_at is not None,
            None if row.held_before is None else tuple(row.held_before),
        )
        for row, now in rows
    )  # fmt: skip


def intend(session: Session, claim: Claim, *, held_before: Sequence[str] | None = None) -> str:
    """Write that a call is about to be made; return the marker that the vendor shall keep.

    `held_before` are the vendor's ids of the samples that it holds already, for a call that adds some.
    """
    made = session.scalar(select(func.count()).where(Submission.job_id == claim.job_id)) or 0
    marker = f"cp-{claim.job_id.partition('_')[2][:_ID_PART]}-{made + 1}"
    session.execute(
        insert(Submission).values(
            id=new_id(SUBMISSION), account_id=claim.account_id, clone_id=claim.clone_id, job_id=claim.job_id,
            vendor=claim.vendor, engine=claim.engine, marker=marker, state=SubmissionState.INTENDED, calls=1,
            called_at=db_now(), empty_looks=0, held_before=None if held_before is None else list(held_before),
        )
    )  # fmt: skip
    return marker


def intend_again(session: Session, intent: Intent) -> None:
    """Write that the same call is about to be made once more: the vendor knows nothing of the first, or said no."""
    unanswered = Submission.calls + 1 if intent.state is SubmissionState.INTENDED else 1
    session.execute(
        update(Submission)
        .where(Submission.id == intent.id)
        .values(
            state=SubmissionState.INTENDED,
            calls=unanswered,
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


def accept(session: Session, marker: str, voice_id: str, *, look_again_in_s: float | None = None) -> None:
    """Write which voice came of a call, on the submission and on its clone.

    `look_again_in_s`: when a twin is looked for once more, because the call's answer was in doubt.
    """
    clone_id = session.execute(
        update(Submission)
        .where(Submission.marker == marker)
        .values(
            state=SubmissionState.ACCEPTED,
            vendor_voice_id=voice_id,
            look_again_at=None if look_again_in_s is None else db_now(look_again_in_s),
        )
        .returning(Submission.clone_id)
    ).scalar_one()
    session.execute(update(Clone).where(Clone.id == clone_id).values(vendor_voice_id=voice_id))


def refuse(session: Session, marker: str, *, look_again_in_s: float | None = None) -> None:
    """Write that nothing came of a call: the vendor said no, or was not reached.

    `look_again_in_s`: when a voice is looked for all the same, because an earlier answer was lost.
    """
    look_again_at = None if look_again_in_s is None else db_now(look_again_in_s)
    session.execute(
        update(Submission)
        .where(Submission.marker == marker)
        .values(state=SubmissionState.REFUSED, look_again_at=look_again_at)
    )


def spend(session: Session, intent: Intent) -> None:
    """Write that the voice of a call is of no use: it is deleted before the job makes another."""
    session.execute(update(Submission).where(Submission.id == intent.id).values(state=SubmissionState.SPENT))


def doubt_again(session: Session, intent: Intent, *, also_refused: bool) -> None:
    """Have a call whose answer never came looked for once more, with all the patience that it had at first.

    `also_refused`: it was given up as one that never came, and is looked for although it counts as refused.
    """
    is_open = intent.state is SubmissionState.INTENDED
    if is_open or (intent.state is SubmissionState.REFUSED and (also_refused or intent.is_doubted)):
        session.execute(
            update(Submission)
            .where(Submission.id == intent.id)
            .values(state=SubmissionState.INTENDED, calls=0, empty_looks=0, looked_at=None)
        )


def note_twin(session: Session, submission_id: str, voice_id: str, outcome: str) -> None:
    """Write that a further voice carried the marker, and what became of it."""
    row = session.get_one(Submission, submission_id, with_for_update=True)
    row.twins = [*(row.twins or []), {"voiceId": voice_id, "outcome": outcome}]


def any_look_due(session: Session) -> bool:
    """Tell whether a late twin is to be looked for: a read, so that an idle relay writes nothing."""
    return session.scalar(select(Submission.id).where(Submission.look_again_at <= db_now()).limit(1)) is not None


def take_due_looks(session: Session, *, again_in_s: float) -> list[str]:
    """Return the submissions whose late twin is to be looked for now; others are told of them after `again_in_s`."""
    return list(
        session.execute(
            update(Submission)
            .where(Submission.look_again_at <= db_now())
            .values(look_again_at=db_now(again_in_s))
            .returning(Submission.id)
        ).scalars()
    )


def looked_again(session: Session, submission_id: str) -> None:
    """Write that the late look was taken: it is not taken twice."""
    session.execute(update(Submission).where(Submission.id == submission_id).values(look_again_at=None))


def get(session: Session, submission_id: str) -> tuple[Intent, str, str, str] | None:
    """Return a submission with its account, clone and job."""
    row = session.get(Submission, submission_id)
    if row is None:
        return None
    (intent,) = _intents(session, Submission.id == submission_id)
    return intent, row.account_id, row.clone_id, row.job_id
