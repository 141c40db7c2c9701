"""Whether a vendor may be called now: one row a vendor, obeyed by every worker and API process.

Four reasons close a gate. It is *paused* when somebody must act: a key that was refused closes it for every call, a
full plan only for those that create. It is *closed* for a while after several failures in a row, and then one call goes
first. It is *slow* for as long as the vendor asked. And where a vendor states a rate, calls take turns.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, case, func, insert, or_, select, type_coerce, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.db.models import Job, VendorGate
from shared.db.moment import db_now
from shared.errors import VendorAuth, VendorError, VendorPaused, VendorQuota, VendorRateLimited

PAUSE_S: Final = 900.0  # after which one call may show whether it was mended
FAILURES: Final = 5  # in a row, until it is left alone
CLOSED_S: Final = 15.0  # doubling with every failure after that
CLOSED_MOST_S: Final = 300.0
_TURNS_AT_ONCE: Final = 5  # how many calls may go in a burst where a rate is stated


@dataclass(frozen=True, slots=True)
class GateState:
    """A gate that is not simply open, as operators are shown it."""

    vendor: str
    code: str
    reason: str
    until: datetime


def check(session: Session, vendor: str, *, creates: bool) -> bool:
    """Tell whether this call is the first after a closed time, which must be taken by `take_probe`.

    Raises: VendorPaused, VendorRateLimited: when the vendor must not be called now.
    """
    row = session.execute(select(VendorGate, db_now().label("now")).where(VendorGate.vendor == vendor)).one_or_none()
    if row is None:
        return False
    gate, now = row
    if gate.slow_until is not None and gate.slow_until > now:
        raise VendorRateLimited(retry_after_s=(gate.slow_until - now).total_seconds())
    is_concerned = creates or gate.pause_code != VendorQuota.code
    if gate.paused_until is not None and gate.paused_until > now and is_concerned:
        raise VendorPaused(
            f"Nothing is sent to {vendor} for the moment. {gate.pause_reason}",
            retry_after_s=(gate.paused_until - now).total_seconds(),
        )
    if gate.failures < FAILURES or gate.closed_until is None:
        return False
    if gate.closed_until > now:
        raise _down(vendor, (gate.closed_until - now).total_seconds())
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
        raise _down(vendor, CLOSED_S)


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


def note_answer(session: Session, vendor: str, *, created: bool = False) -> None:
    """Open what a good answer proves wrong: it can be reached, its key is right, and, if it made a voice, has room."""
    values: dict[str, object] = {"failures": 0, "closed_until": None}
    session.execute(
        update(VendorGate)
        .where(VendorGate.vendor == vendor, or_(VendorGate.failures > 0, VendorGate.closed_until.is_not(None)))
        .values(**values)
    )
    disproved = [VendorAuth.code, VendorQuota.code] if created else [VendorAuth.code]
    session.execute(
        update(VendorGate)
        .where(VendorGate.vendor == vendor, VendorGate.pause_code.in_(disproved))
        .values(paused_until=None, pause_code=None, pause_reason=None)
    )


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


def pause(session: Session, vendor: str, error: VendorError) -> None:
    """Stop calling a vendor until somebody has acted, or a while has passed."""
    _ensure(session, vendor)
    session.execute(
        update(VendorGate)
        .where(VendorGate.vendor == vendor)
        .values(paused_until=db_now(PAUSE_S), pause_code=error.code, pause_reason=error.message)
    )


def has_room(session: Session, vendor: str) -> None:
    """Open a gate that a full plan had closed: a voice was deleted there."""
    full = VendorGate.vendor == vendor, VendorGate.pause_code == VendorQuota.code
    if session.scalar(select(VendorGate.vendor).where(*full)) is not None:
        resume(session, vendor)


def resume(session: Session, vendor: str) -> bool:
    """Open a gate by hand, and let every job that waits at it go on now; tell whether it was not open."""
    was_shut = any(state.vendor == vendor for state in shut(session))
    session.execute(
        update(VendorGate)
        .where(VendorGate.vendor == vendor)
        .values(paused_until=None, pause_code=None, pause_reason=None, failures=0, closed_until=None, slow_until=None)
    )
    waiting = Job.vendor == vendor, Job.outcome.is_(None), Job.lease_until.is_(None)
    session.execute(
        update(Job)
        .where(*waiting, Job.error_code == VendorPaused.code, Job.due_at > db_now())
        .values(due_at=db_now(), announce_at=db_now())
    )
    return was_shut


def shut(session: Session) -> tuple[GateState, ...]:
    """Return every gate that is not open, with why and until when."""
    found: list[GateState] = []
    for gate, now in session.execute(select(VendorGate, db_now().label("now")).order_by(VendorGate.vendor)):
        if gate.paused_until is not None and gate.paused_until > now:
            found.append(GateState(gate.vendor, gate.pause_code or "", gate.pause_reason or "", gate.paused_until))
        elif gate.failures >= FAILURES and gate.closed_until is not None:
            reason = f"{gate.failures} calls in a row failed; one goes first when this time is over."
            found.append(GateState(gate.vendor, "VENDOR_UNAVAILABLE", reason, gate.closed_until))
        elif gate.slow_until is not None and gate.slow_until > now:
            reason = "The vendor asked us to slow down."
            found.append(GateState(gate.vendor, VendorRateLimited.code, reason, gate.slow_until))
    return tuple(found)


def _ensure(session: Session, vendor: str) -> None:
    if session.scalar(select(VendorGate.vendor).where(VendorGate.vendor == vendor)) is not None:
        return
    try:
        with session.begin_nested():
            session.execute(insert(VendorGate).values(vendor=vendor, failures=0))
    except IntegrityError:
        pass  # another process was first


def _down(vendor: str, wait_s: float) -> VendorPaused:
    return VendorPaused(f"{vendor} cannot be reached; it is tried again by itself.", retry_after_s=max(wait_s, 1.0))
