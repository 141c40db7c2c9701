"""Idempotency keys as rows: one request at a time holds a key, and its answer is kept in the transaction that creates.

A reservation is committed before anything else happens, under a lease on the database's clock that its holder renews.
Every later write names the reservation's token: a holder whose lease lapsed and was taken over can complete nothing,
and what it was about to create is rolled back with it. Functions take the caller's session, as everywhere.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.db.models import IdempotencyKey
from shared.db.moment import db_now
from shared.errors import IdempotencyInFlight
from shared.ids import random_word

LEASE_S: Final = 60.0  # how long a key stays taken after the process that held it died
RENEW_S: Final = 10.0
KEEP_S: Final = 24 * 3600.0
RETRY_AFTER_S: Final = 2  # while the holder shows signs of life: it may be done at any moment
_OVERDUE_S: Final = 5.0  # a lease that was not renewed for so long after its turn is a dead process's
_TOKEN_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class Reservation:
    """A key that this request holds until it completes or releases it, or its lease lapses and another takes over."""

    account_id: str
    key: str
    token: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer that a key has earned: HTTP status, body as sent, and what the request was known by.

    The body is None when what it told of was deleted: it would tell of a person who is to be forgotten.
    """

    fingerprint: str
    status: int
    body: str | None


def reserve(session: Session, account_id: str, key: str) -> Reservation | KeptAnswer:
    """Take the key, or return the answer that it already has.

    Raises: IdempotencyInFlight: while another request holds it.
    """
    reservation = Reservation(account_id, key, random_word(_TOKEN_CHARS))
    if _take_over(session, reservation):
        return reservation
    try:
        with session.begin_nested():
            session.execute(insert(IdempotencyKey).values(account_id=account_id, key=key, **_taken(reservation)))
    except IntegrityError:  # it is there, and neither lapsed nor expired
        kept = _kept(session, account_id, key)
        if kept is None:
            raise _in_flight(key, _retry_after_s(session, account_id, key)) from None
        return kept
    return reservation


def renew(session: Session, reservation: Reservation) -> bool:
    """Lengthen the lease; tell whether the reservation is still this request's."""
    values = {"lease_until": db_now(plus_s=LEASE_S), "expires_at": db_now(plus_s=KEEP_S)}
    return _update_held(session, reservation, values)


def complete(session: Session, reservation: Reservation, answer: KeptAnswer, *, clone_id: str | None = None) -> None:
    """Keep the answer, in the transaction that creates what it tells of; `clone_id` is what is to be forgotten with it.

    Raises: IdempotencyInFlight: another request has taken the key over; nothing of this transaction may be committed.
    """
    values = {
        "fingerprint": answer.fingerprint,
        "status": answer.status,
        "body": answer.body,
        "clone_id": clone_id,
        "expires_at": db_now(plus_s=KEEP_S),
    }
    if not _update_held(session, reservation, values):
        raise _in_flight(reservation.key)


def release(session: Session, reservation: Reservation) -> None:
    """Give the key back without an answer, so that a retry may succeed. One that is completed stays as it is."""
    session.execute(delete(IdempotencyKey).where(_held(reservation)))


def forget_answers(session: Session, account_id: str, clone_id: str) -> None:
    """Forget the bodies that tell of a clone, in the transaction that deletes it; their keys stay used."""
    session.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.account_id == account_id, IdempotencyKey.clone_id == clone_id)
        .values(body=None)
        .execution_options(synchronize_session=False)
    )


def forget_expired(session: Session) -> int:
    """Delete the keys whose day is over; return how many."""
    expired = delete(IdempotencyKey).where(IdempotencyKey.expires_at <= db_now()).returning(IdempotencyKey.key)
    return len(session.scalars(expired).all())


def _take_over(session: Session, reservation: Reservation) -> bool:
    """Take a key whose holder is gone or whose day is over: one conditional UPDATE, so that twins cannot both."""
    lapsed = and_(IdempotencyKey.status.is_(None), IdempotencyKey.lease_until <= db_now())
    taken = session.execute(
        update(IdempotencyKey)
        .where(
            IdempotencyKey.account_id == reservation.account_id,
            IdempotencyKey.key == reservation.key,
            or_(lapsed, IdempotencyKey.expires_at <= db_now()),
        )
        .values(fingerprint=None, status=None, body=None, clone_id=None, **_taken(reservation))
        .returning(IdempotencyKey.token)
        .execution_options(synchronize_session=False)
    )
    return taken.scalar_one_or_none() is not None


def _taken(reservation: Reservation) -> dict[str, object]:
    return {
        "token": reservation.token,
        "lease_until": db_now(plus_s=LEASE_S),
        "created_at": db_now(),
        "expires_at": db_now(plus_s=KEEP_S),
    }


def _held(reservation: Reservation) -> ColumnElement[bool]:
    return and_(
        IdempotencyKey.account_id == reservation.account_id,
        IdempotencyKey.key == reservation.key,
        IdempotencyKey.token == reservation.token,
        IdempotencyKey.status.is_(None),
    )


def _update_held(session: Session, reservation: Reservation, values: Mapping[str, object]) -> bool:
    changed = session.execute(
        update(IdempotencyKey).where(_held(reservation)).values(**values).returning(IdempotencyKey.token)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return changed.scalar_one_or_none() is not None


def _kept(session: Session, account_id: str, key: str) -> KeptAnswer | None:
    row = session.execute(
        select(IdempotencyKey.fingerprint, IdempotencyKey.status, IdempotencyKey.body).where(
            IdempotencyKey.account_id == account_id, IdempotencyKey.key == key
        )
    ).one_or_none()
    if row is None or row.status is None:
        return None
    return KeptAnswer(row.fingerprint, row.status, row.body)


def _retry_after_s(session: Session, account_id: str, key: str) -> int:
    """Return when to ask again: soon while the holder renews its lease, else when the lease is over."""
    row = session.execute(
        select(IdempotencyKey.lease_until, db_now().label("now")).where(
            IdempotencyKey.account_id == account_id, IdempotencyKey.key == key
        )
    ).one_or_none()
    if row is None:
        return 1
    left_s = (row.lease_until - row.now).total_seconds()
    is_overdue = left_s < LEASE_S - RENEW_S - _OVERDUE_S
    return max(1, math.ceil(left_s)) if is_overdue else RETRY_AFTER_S


def _in_flight(key: str, retry_after_s: int = RETRY_AFTER_S) -> IdempotencyInFlight:
    return IdempotencyInFlight(
        f"Another request with the Idempotency-Key '{key[:64]}' is under way; ask again in {retry_after_s} s.",
        retry_after_s=retry_after_s,
    )
