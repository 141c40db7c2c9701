"""Listeners: endpoints that nobody calls. A program on somebody's desk fetches what they are told, and answers for it.

It takes the line as a worker does, under a lease and its fence, so that the schedule and the journal are the same.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.models import WebhookEndpoint
from shared.db.moment import db_now
from shared.errors import ClaimLost, InvalidField
from shared.states import EndpointKind
from shared.vault import Vault
from shared.webhooks import endpoints, keyring, lines
from shared.webhooks.lines import Line
from shared.webhooks.parcels import Heard, Parcel
from shared.webhooks.schedule import Patience
from shared.webhooks.signing import signed

LEASE_S: Final = 60.0  # in which all that was fetched at once is to be answered for
MOST_AT_ONCE: Final = 8
FORGOTTEN_AFTER_S: Final = 24 * 3600.0
_SEEN_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Signed:
    """A parcel with the headers that it is to be forwarded with."""

    parcel: Parcel
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a listener is to answer for, under a lease of a minute."""

    lease: int
    parcels: tuple[Signed, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one parcel: the status that was answered, None for no answer, and why not."""

    delivery_id: str
    status: int | None
    took_ms: int
    detail: str
    excerpt: str


def fetch(session: Session, vault: Vault, account_id: str, endpoint_id: str) -> Fetched | None:
    """Take what is due of a listener, or return None. Raises: NotFound. InvalidField: it is off, or no listener."""
    view = _check(session, account_id, endpoint_id)
    if not view.is_active:
        raise InvalidField(f"The listener is told nothing more. {view.disabled_reason or 'It is off.'}", field="id")
    _note_seen(session, endpoint_id)
    line = lines.claim(session, endpoint_id, lease_s=LEASE_S, kinds=(EndpointKind.LISTENER,))
    if line is None:
        return None
    parcels = lines.due(session, line, most=MOST_AT_ONCE, but=())
    if not parcels:
        lines.release(session, line)
        return None
    keys, at_s = keyring.signing_keys(session, vault, endpoint_id), int(time.time())
    return Fetched(line.fence, tuple(Signed(one, signed(one.id, at_s, one.body.encode(), keys)) for one in parcels))


def answer(
    session: Session,
    account_id: str,
    endpoint_id: str,
    lease: int,
    answers: Collection[Answered],
    patience: Patience,
) -> None:
    """Write what became of what was fetched, and let go of the line.

    Raises: NotFound. InvalidField: the lease is over.
    """
    view = _check(session, account_id, endpoint_id)
    line = Line(endpoint_id, account_id, view.kind, None, lease, is_failing=view.failing_since is not None)
    told = {one.id: one for one in lines.due(session, line, most=1000, but=())}
    heard = [_heard(told[one.delivery_id], one) for one in answers if one.delivery_id in told]
    try:
        lines.settle(session, line, heard, patience, lease_s=LEASE_S)
        lines.release(session, line)
    except ClaimLost:
        raise InvalidField("The lease is over; what was fetched under it is told again.", field="lease") from None


def forget_idle(session: Session) -> None:
    """Delete the listeners that nobody has fetched from for a day: their programs ended without a word."""
    idle = session.execute(
        select(WebhookEndpoint.account_id, WebhookEndpoint.id).where(
            WebhookEndpoint.kind == EndpointKind.LISTENER, WebhookEndpoint.updated_at < db_now(-FORGOTTEN_AFTER_S)
        )
    ).all()
    for account_id, endpoint_id in idle:
        endpoints.delete(session, account_id, endpoint_id)


def _check(session: Session, account_id: str, endpoint_id: str) -> endpoints.EndpointView:
    view = endpoints.get(session, account_id, endpoint_id)
    if view.kind is not EndpointKind.LISTENER:
        raise InvalidField("This endpoint is called at its URL; only a listener's deliveries are fetched.", field="id")
    return view


def _note_seen(session: Session, endpoint_id: str) -> None:
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.updated_at < db_now(-_SEEN_EVERY_S))
        .values(updated_at=db_now())
    )


def _heard(parcel: Parcel, one: Answered) -> Heard:
    is_accepted = one.status is not None and 200 <= one.status < 300
    failure = None if is_accepted else "connect" if one.status is None else "status"
    at = datetime.now(UTC)
    return Heard(parcel, at, one.status, one.took_ms, failure, one.detail, one.excerpt)
