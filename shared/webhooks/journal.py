"""The journal of an endpoint: what it was told, how each attempt went, and how something is sent again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from shared.db.models import Delivery, DeliveryAttempt, WebhookEndpoint
from shared.db.moment import db_now
from shared.errors import NotFound, NotReplayable
from shared.states import DeliveryState, EndpointKind
from shared.webhooks import deliveries, endpoints
from shared.webhooks.messages import TEST, message

KEPT_S: Final = 30 * 24 * 3600.0
_FORGOTTEN_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class AttemptView:
    """How one attempt went."""

    number: int
    at: datetime
    status: int | None
    took_ms: int
    failure: str | None
    detail: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A message for an endpoint, and how it went.

    Attributes:
        due_at: When the next attempt is; None when none follows.
        on_hold: Why none follows although it was neither heard nor given up: its endpoint is not called at present.
    """

    id: str
    endpoint_id: str
    clone_id: str | None
    seq: int | None
    type: str
    body: str | None
    state: DeliveryState
    due_at: datetime | None
    on_hold: str | None
    created_at: datetime
    finished_at: datetime | None
    attempts: tuple[AttemptView, ...]


def page(
    session: Session, account_id: str, endpoint_id: str, *, state: DeliveryState | None, limit: int, offset: int
) -> tuple[tuple[DeliveryView, ...], int]:
    """Return an endpoint's deliveries, newest first, and how many there are; `default` has those of all callbacks.

    Raises: NotFound.
    """
    conditions = [_of(session, account_id, endpoint_id)]
    if state is not None:
        conditions.append(Delivery.state == state)
    total = session.scalar(select(func.count()).select_from(Delivery).where(*conditions)) or 0
    rows = session.scalars(
        select(Delivery)
        .where(*conditions)
        .order_by(Delivery.created_at.desc(), Delivery.id.desc())
        .limit(limit)
        .offset(offset)
    ).all()
    return _views(session, list(rows)), total


def get(session: Session, account_id: str, endpoint_id: str, delivery_id: str) -> DeliveryView:
    """Return one delivery. Raises: NotFound."""
    row = session.scalars(
        select(Delivery).where(_of(session, account_id, endpoint_id), Delivery.id == delivery_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no delivery '{delivery_id[:40]}' of this endpoint.")
    return _views(session, [row])[0]


def test(session: Session, account_id: str, endpoint_id: str) -> DeliveryView:
    """Write a message that tells of nothing, to try an endpoint. Raises: NotFound, NotReplayable."""
    known = endpoints.get(session, account_id, endpoint_id)
    if known.kind is EndpointKind.DEFAULT:
        raise NotReplayable("'default' only keeps a secret and is called by nobody; test an endpoint that has a URL.")
    _check_active(known.is_active)
    at = session.execute(select(db_now())).scalar_one()
    body = message(TEST, at, {"endpointId": known.id, "message": "clonepipe can reach this endpoint."})
    made = deliveries.write_one(session, account_id, known.id, TEST, body)
    if made is None:
        raise endpoints.not_found(endpoint_id)
    return get(session, account_id, known.id, made)


def replay(session: Session, account_id: str, endpoint_id: str, delivery_id: str) -> DeliveryView:
    """Have a message sent again, under its id and with the whole schedule before it.

    A `callback_url` that is called no more is called again by that, for nobody can switch it on otherwise.
    Raises: NotFound. NotReplayable: its endpoint is off, or its clone was erased.
    """
    found = get(session, account_id, endpoint_id, delivery_id)
    if found.body is None:
        raise NotReplayable("The message told of a clone that was erased since; its content is gone.")
    if endpoint_id == endpoints.DEFAULT:
        endpoints.revive(session, found.endpoint_id)
    else:
        _check_active(endpoints.get(session, account_id, endpoint_id).is_active)
    deliveries.make_due(session, found.endpoint_id)  # the row of the endpoint is always locked first
    session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id)
        .values(state=DeliveryState.PENDING, attempts=0, due_at=db_now(), finished_at=None)
    )
    return get(session, account_id, endpoint_id, delivery_id)


def forget_old(session: Session) -> bool:
    """Forget deliveries of more than a month ago, some at a time; tell whether there may be more.

    With the last of them goes the endpoint of a `callback_url`, which is made again when it is needed.
    """
    old = session.scalars(
        select(Delivery.id).where(Delivery.created_at < db_now(-KEPT_S)).limit(_FORGOTTEN_AT_ONCE)
    ).all()
    session.execute(delete(DeliveryAttempt).where(DeliveryAttempt.delivery_id.in_(old)))
    session.execute(delete(Delivery).where(Delivery.id.in_(old)))
    told = select(Delivery.id).where(Delivery.endpoint_id == WebhookEndpoint.id).exists()
    session.execute(
        delete(WebhookEndpoint).where(
            WebhookEndpoint.kind == EndpointKind.CALLBACK, WebhookEndpoint.created_at < db_now(-KEPT_S), ~told
        )
    )
    return len(old) == _FORGOTTEN_AT_ONCE


def _check_active(is_active: bool) -> None:
    if not is_active:
        raise NotReplayable("The endpoint is switched off. Switch it on first (PATCH with isActive true).")


def _of(session: Session, account_id: str, endpoint_id: str) -> Any:
    if endpoint_id != endpoints.DEFAULT:
        return Delivery.endpoint_id == endpoints.get(session, account_id, endpoint_id).id
    callbacks = select(WebhookEndpoint.id).where(
        WebhookEndpoint.account_id == account_id, WebhookEndpoint.kind == EndpointKind.CALLBACK
    )
    return Delivery.endpoint_id.in_(callbacks)


def _views(session: Session, rows: list[Delivery]) -> tuple[DeliveryView, ...]:
    made: dict[str, list[AttemptView]] = {row.id: [] for row in rows}
    attempts = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id.in_(made)).order_by(DeliveryAttempt.number)
    for one in session.scalars(attempts):
        made[one.delivery_id].append(
            AttemptView(one.number, one.at, one.status, one.took_ms, one.failure, one.detail, one.excerpt)
        )
    held = _not_called(session, {row.endpoint_id for row in rows})
    return tuple(_view(row, tuple(made[row.id]), held.get(row.endpoint_id)) for row in rows)


def _view(row: Delivery, attempts: tuple[AttemptView, ...], not_called: str | None) -> DeliveryView:
    waits = row.state is DeliveryState.PENDING
    return DeliveryView(
        id=row.id, endpoint_id=row.endpoint_id, clone_id=row.clone_id, seq=row.seq, type=row.type, body=row.body,
        state=row.state, due_at=row.due_at if waits and not_called is None else None,
        on_hold=not_called if waits else None, created_at=row.created_at, finished_at=row.finished_at,
        attempts=attempts,
    )  # fmt: skip


def _not_called(session: Session, ids: set[str]) -> dict[str, str]:
    """Return why those of the endpoints are not called that are switched off, and what would change it."""
    rows = session.execute(
        select(WebhookEndpoint.id, WebhookEndpoint.kind, WebhookEndpoint.disabled_reason).where(
            WebhookEndpoint.id.in_(ids), ~WebhookEndpoint.is_active
        )
    )
    return {
        row.id: f"{row.disabled_reason or 'The endpoint is switched off.'} "
        + (
            "It is called again when a delivery is replayed, or when a new clone names it as its callback_url."
            if row.kind is EndpointKind.CALLBACK
            else "What waits is sent when it is switched on again (PATCH with isActive true)."
        )
        for row in rows
    }
