"""Whether a vendor may be called now: one row a vendor, and one an engine whose plan is full, obeyed by every process.

Four reasons close a gate. It is *paused* when somebody must act: a key that was refused closes it for every call, a
full plan only for those that create a voice of that engine. It is *closed* for a while after several failures in a row,
and then one call goes first. It is *slow* for as long as the vendor asked. And where a vendor states a rate, calls take
turns.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, case, func, insert, or_, select, type_coerce, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import plans
from shared.db.models import Job, VendorGate
from shared.db.moment import db_now
from shared.errors import (
    VendorAuth,
    VendorPaused,
    VendorQuota,
    VendorRateLimited,
    VendorUnavailable,
)
from shared.vendors.refusals import title_of

PAUSE_S: Final = plans.PAUSE_S  # after which one call may show whether it was mended
FAILURES: Final = 5  # in a row, until it is left alone
CLOSED_S: Final = 15.0  # doubling with every failure after that
CLOSED_MOST_S: Final = 300.0
_HELD_UP: Final = (VendorPaused.code, VendorRateLimited.code, VendorAuth.code, VendorQuota.code)
_TURNS_AT_ONCE: Final = 5  # how many calls may go in a burst where a rate is stated


@dataclass(frozen=True, slots=True)
class GateState:
    """A gate that is not simply open, as operators are shown it. `engine`: only its creations are held up."""

    vendor: str
    code: str
    reason: str
    until: datetime
    engine: str | None = None

    @property
    def name(self) -> str:
        return self.vendor if self.engine is None else f"{self.vendor}/{self.engine}"


def check(session: Session, vendor: str, *, creates: str | None = None) -> bool:
    """Tell whether this call is the first after a closed time, which must be taken by `take_probe`.

    `creates` is the engine that a new voice is asked of. Raises: VendorPaused, VendorRateLimited: when the vendor must
    not be called now.
    """
    if creates is not None:
        plans.check(session, vendor, creates)
    row = session.execute(select(VendorGate, db_now().label("now")).where(VendorGate.vendor == vendor)).one_or_none()
    if row is None:
        return False
    gate, now = row
    if gate.slow_until is not None and gate.slow_until > now:
        raise VendorRateLimited(
            f"{title_of(vendor)} asked us to slow down, and is not called until {plans.shown(gate.slow_until)}.",
            retry_after_s=(gate.slow_until - now).total_seconds(),
        )
    if gate.paused_until is not None and gate.paused_until > now:
        raise VendorPaused(
            f"Nothing is sent to {title_of(vendor)} until {plans.shown(gate.paused_until)}. {gate.pause_reason}",
            retry_after_s=(gate.paused_until - now).total_seconds(),
            because=gate.pause_code or VendorAuth.code,
        )
    if gate.failures < FAILURES or gate.closed_until is None:
        return False
    if gate.closed_until > now:
        raise _down(vendor, gate.closed_until, (gate.closed_until - now).total_seconds())
    return True


def take_probe(session: Session, vendor: str) -> None:
    """Be the one call that goes first. Raises: VendorPaused: another worker's call does."""
    won = session.execute(
        update(VendorGate)
        .where(VendorGate.vendor == vendor, VendorGate.closed_until <= db_now())
        .values(closed_until=db_now(CLOSED_S))
        .returning(VendorGate.vendor)
    ).scalar_one_or_none()
    if won is None:
        closed_until = session.scalar(select(VendorGate.closed_until).where(VendorGate.vendor == vendor))
        raise _down(vendor, closed_until, CLOSED_S)


def take_turn(session: Session, vendor: str, spacing_s: float) -> None:
    """Take a place on the vendor's schedule of one call every `spacing_s`. Raises: VendorRateLimited: none is free."""
    _ensure(session, vendor)
    on_time = case(
        (or_(VendorGate.next_call_at.is_(None), VendorGate.next_call_at < db_now()), db_now(spacing_s)),
        else_=type_coerce(VendorGate.next_call_at, BigInteger) + round(spacing_s * 1000),
    )
    allowed = or_(VendorGate.next_call_at.is_(None), VendorGate.next_call_at <= db_now(_TURNS_AT_ONCE * spacing_s))
    won = session.execute(
        update(VendorGate).where(VendorGate.vendor == vendor, allowed).values(next_call_at=on_time)
        .returning(VendorGate.vendor)
    ).scalar_one_or_none()  # fmt: skip
    if won is None:
        raise VendorRateLimited(retry_after_s=spacing_s)


def note_answer(session: Session, vendor: str, *, created: str | None = None) -> None:
    """Open what a good answer proves wrong: it is there, its key is right, and an engine that `created` has room."""
    values: dict[str, object] = {"failures": 0, "closed_until": None}
    session.execute(
        update(VendorGate)
        .where(VendorGate.vendor == vendor, or_(VendorGate.failures > 0, VendorGate.closed_until.is_not(None)))
        .values(**values)
    )
    session.execute(
        update(VendorGate)
        .where(VendorGate.vendor == vendor, VendorGate.pause_code.is_not(None))
        .values(paused_until=None, pause_code=None, pause_reason=None)
    )
    if created is not None:
        plans.note_room(session, vendor, created)


def note_failure(session: Session, vendor: str) -> None:
    """Count a call that found the vendor away or broken."""
    _ensure(session, vendor)
    failures = session.execute(
        update(VendorGate)
        .where(VendorGate.vendor == vendor)
        .values(failures=VendorGate.failures + 1)
        .returning(VendorGate.failures)
    ).scalar_one()
    if failures >= FAILURES:
        closed_s = min(CLOSED_S * 2.0 ** min(failures - FAILURES, 10), CLOSED_MOST_S)
        session.execute(update(VendorGate).where(VendorGate.vendor == vendor).values(closed_until=db_now(closed_s)))


def slow_down(session: Session, vendor: str, wait_s: float) -> None:
    """Obey a vendor that asked us to slow down, in every worker."""
    _ensure(session, vendor)
    later = func.max if session.get_bind().dialect.name == "sqlite" else func.greatest
    until = later(func.coalesce(VendorGate.slow_until, 0), db_now(wait_s))
    session.execute(update(VendorGate).where(VendorGate.vendor == vendor).values(slow_until=until))


def pause(session: Session, vendor: str, error: VendorAuth) -> None:
    """Stop calling a vendor until somebody has acted, or a while has passed."""
    _ensure(session, vendor)
    session.execute(
        update(VendorGate)
        .where(VendorGate.vendor == vendor)
        .values(paused_until=db_now(PAUSE_S), pause_code=error.code, pause_reason=error.message)
    )


def has_room(session: Session, vendor: str) -> None:
    """Ask for voices again where a plan was full: one was deleted, and for which engine it counted is the vendor's."""
    if plans.note_room(session, vendor):
        _hasten(session, vendor)


def resume(session: Session, vendor: str, engine: str | None = None) -> bool:
    """Open a vendor's gates by hand, or one engine's, and let jobs that wait there go on; tell whether any was shut."""
    was_shut = any(state.vendor == vendor and engine in (None, state.engine) for state in shut(session))
    plans.note_room(session, vendor, engine)
    if engine is None:
        session.execute(
            update(VendorGate)
            .where(VendorGate.vendor == vendor)
            .values(
                paused_until=None, pause_code=None, pause_reason=None, failures=0, closed_until=None, slow_until=None
            )
        )
    _hasten(session, vendor)
    return was_shut


def _hasten(session: Session, vendor: str) -> None:
    waiting = Job.vendor == vendor, Job.outcome.is_(None), Job.lease_until.is_(None)
    session.execute(
        update(Job)
        .where(*waiting, Job.error_code.in_(_HELD_UP), Job.due_at > db_now())
        .values(due_at=db_now(), announce_at=db_now())
    )


def shut(session: Session) -> tuple[GateState, ...]:
    """Return every gate that is not open, with why and until when."""
    found = [GateState(row.vendor, row.code, row.reason, row.paused_until, row.engine) for row in plans.full(session)]
    for gate, now in session.execute(select(VendorGate, db_now().label("now")).order_by(VendorGate.vendor)):
        if gate.paused_until is not None and gate.paused_until > now:
            found.append(GateState(gate.vendor, gate.pause_code or "", gate.pause_reason or "", gate.paused_until))
        elif gate.failures >= FAILURES and gate.closed_until is not None:
            reason = f"{gate.failures} calls in a row failed; one goes first when this time is over."
            found.append(GateState(gate.vendor, VendorUnavailable.code, reason, gate.closed_until))
        elif gate.slow_until is not None and gate.slow_until > now:
            reason = "The vendor asked us to slow down."
            found.append(GateState(gate.vendor, VendorRateLimited.code, reason, gate.slow_until))
    return tuple(sorted(found, key=lambda state: state.name))


def _ensure(session: Session, vendor: str) -> None:
    if session.scalar(select(VendorGate.vendor).where(VendorGate.vendor == vendor)) is not None:
        return
    try:
        with session.begin_nested():
            session.execute(insert(VendorGate).values(vendor=vendor, failures=0))
    except IntegrityError:
        pass  # another process was first


def _down(vendor: str, until: datetime | None, wait_s: float) -> VendorPaused:
    when = f" until {plans.shown(until)}" if until is not None else ""
    return VendorPaused(
        f"{title_of(vendor)} failed {FAILURES} calls in a row or more, and is not called{when}.",
        retry_after_s=max(wait_s, 1.0),
        because=VendorUnavailable.code,
    )
