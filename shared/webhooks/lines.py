"""An endpoint's line: all that it is still to be told, in the hands of one worker at a time.

The line is leased, not each delivery: one fence guards all its rows, so that a thousand messages cost one claim, and
whoever was too slow to come back can write nothing. What is due is announced from the rows until it is claimed.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, insert, or_, select, update
from sqlalchemy.orm import Session

from shared.db.models import Delivery, DeliveryAttempt, WebhookEndpoint
from shared.db.moment import db_now
from shared.errors import ClaimLost
from shared.states import DeliveryState, EndpointKind
from shared.webhooks.deliveries import tell_of_disabled
from shared.webhooks.health import health_after
from shared.webhooks.parcels import Heard, Parcel
from shared.webhooks.schedule import Patience

ANNOUNCE_AGAIN_S: Final = 10.0
_ANNOUNCED_AT_ONCE: Final = 200
_CALLED: Final = (EndpointKind.ENDPOINT, EndpointKind.CALLBACK)


@dataclass(frozen=True, slots=True)
class Line:
    """An endpoint in hand. `fence` is the token that every write names."""

    endpoint_id: str
    account_id: str
    kind: EndpointKind
    url: str | None
    fence: int
    is_failing: bool  # nothing that was sent last was accepted
    is_called: bool = True  # it may be sent more: it is neither off, nor did it ask for a pause


def any_due(session: Session) -> bool:
    """Tell whether `announce_due` may find something: a read, so that an idle relay writes nothing."""
    due = select(WebhookEndpoint.id).where(*_claimable(_CALLED), WebhookEndpoint.announce_at <= db_now())
    return session.scalar(due.limit(1)) is not None


def announce_due(session: Session) -> list[str]:
    """Choose the lines to ring for now, longest due first; each is due to be rung for again after a while."""
    chosen = session.scalars(
        select(WebhookEndpoint.id)
        .where(*_claimable(_CALLED), WebhookEndpoint.announce_at <= db_now())
        .order_by(WebhookEndpoint.next_due_at)
        .limit(_ANNOUNCED_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    session.execute(
        update(WebhookEndpoint).where(WebhookEndpoint.id.in_(chosen)).values(announce_at=db_now(ANNOUNCE_AGAIN_S))
    )
    return list(chosen)


def waiting() -> list[ColumnElement[bool]]:
    """Return the conditions of a line that has something due and that no worker has in hand."""
    return _claimable(_CALLED)


def forget_announcements(session: Session) -> None:
    """Treat announcements as never made: the broker came back without its memory."""
    session.execute(
        update(WebhookEndpoint).where(WebhookEndpoint.next_due_at.is_not(None)).values(announce_at=db_now())
    )


def claim(
    session: Session, endpoint_id: str, *, lease_s: float, kinds: Collection[EndpointKind] = _CALLED
) -> Line | None:
    """Take a line that has something due and is free, or return None."""
    row = session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, *_claimable(kinds))
        .values(fence=WebhookEndpoint.fence + 1, lease_until=db_now(lease_s), announce_at=db_now())
        .returning(*_COLUMNS)
    ).one_or_none()
    if row is None:
        return None
    return Line(row.id, row.account_id, row.kind, row.url, row.fence, row.failing_since is not None)


_COLUMNS: Final = (
    WebhookEndpoint.id, WebhookEndpoint.account_id, WebhookEndpoint.kind, WebhookEndpoint.url, WebhookEndpoint.fence,
    WebhookEndpoint.failing_since,
)  # fmt: skip


def renew(session: Session, line: Line, lease_s: float) -> None:
    """Show a sign of life. Raises: ClaimLost."""
    _fenced(session, line, lease_until=db_now(lease_s))


def due(session: Session, line: Line, *, most: int, but: Collection[str]) -> tuple[Parcel, ...]:
    """Return up to `most` deliveries of the line that are due, oldest first, without those in hand (`but`)."""
    rows = session.execute(
        select(Delivery.id, Delivery.type, Delivery.body, Delivery.attempts)
        .where(
            Delivery.endpoint_id == line.endpoint_id,
            Delivery.state == DeliveryState.PENDING,
            Delivery.due_at <= db_now(),
            Delivery.body.is_not(None),
            Delivery.id.not_in(but),
        )
        .order_by(Delivery.due_at, Delivery.created_at, Delivery.id)
        .limit(most)
    )
    return tuple(Parcel(row.id, row.type, row.body or "", row.attempts) for row in rows)


def settle(session: Session, line: Line, heard: Collection[Heard], patience: Patience, *, lease_s: float) -> Line:
    """Write how attempts went, and renew the line; return it as it is now, which may be called no more.

    Raises: ClaimLost.
    """
    failed = [one for one in heard if one.failure is not None]
    if failed and (line.is_failing or any(one.is_gone for one in failed)):
        _lock_all(session, line)  # it may be disabled, which its account's other endpoints are told
    row, now = _fenced(session, line, lease_until=db_now(lease_s))
    _note(session, heard)
    _move(session, heard, patience)
    values = health_after(heard, patience, is_active=row.is_active, failing_since=row.failing_since, now=now)
    if values:
        session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == line.endpoint_id).values(**values))
    if "disabled_reason" in values:
        tell_of_disabled(session, line.account_id, line.endpoint_id, line.url, values["disabled_reason"])
    is_failing = values.get("failing_since", row.failing_since) is not None
    is_called = row.is_active and values.get("is_active", True) and values.get("paused_until") is None
    return replace(line, is_failing=is_failing, is_called=is_called)


def release(session: Session, line: Line, *, pause_s: float = 0.0) -> bool:
    """Let go of the line; tell whether something is due of it already. `pause_s`: it is to rest. Raises: ClaimLost."""
    _fenced(session, line, lease_until=None)
    # Read only now that the row is ours: who writes a delivery writes the row after it, and overwrites what we found.
    pending = Delivery.endpoint_id == line.endpoint_id, Delivery.state == DeliveryState.PENDING
    first = select(func.min(Delivery.due_at)).where(*pending).scalar_subquery()
    values: dict[str, Any] = {"next_due_at": first, "announce_at": db_now(pause_s)}
    return bool(
        session.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.id == line.endpoint_id)
            .values(**values)
            .returning(func.coalesce(WebhookEndpoint.next_due_at <= db_now(), False))
        ).scalar_one()
    )


def _claimable(kinds: Collection[EndpointKind]) -> list[ColumnElement[bool]]:
    return [
        WebhookEndpoint.kind.in_(kinds),
        WebhookEndpoint.is_active.is_(True),
        WebhookEndpoint.next_due_at <= db_now(),
        or_(WebhookEndpoint.lease_until.is_(None), WebhookEndpoint.lease_until <= db_now()),
        or_(WebhookEndpoint.paused_until.is_(None), WebhookEndpoint.paused_until <= db_now()),
    ]


def _fenced(session: Session, line: Line, **values: Any) -> tuple[Any, datetime]:
    """Write to the endpoint if its line is still ours; return its row and the present moment. Raises: ClaimLost."""
    row = session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == line.endpoint_id, WebhookEndpoint.fence == line.fence)
        .values(**values)
        .returning(*_COLUMNS, WebhookEndpoint.is_active, db_now().label("now"))
    ).one_or_none()
    if row is None:
        raise ClaimLost(f"the line of {line.endpoint_id} is no longer held under fence {line.fence}")
    return row, row.now


def _lock_all(session: Session, line: Line) -> None:
    session.execute(
        select(WebhookEndpoint.id)
        .where(WebhookEndpoint.account_id == line.account_id)
        .order_by(WebhookEndpoint.id)
        .with_for_update()
    ).all()


def _note(session: Session, heard: Collection[Heard]) -> None:
    """Write the attempts, each under the next number of its delivery."""
    if not heard:
        return
    told = {one.parcel.id for one in heard}
    last = session.execute(
        select(DeliveryAttempt.delivery_id, func.max(DeliveryAttempt.number))
        .where(DeliveryAttempt.delivery_id.in_(told))
        .group_by(DeliveryAttempt.delivery_id)
    )
    numbers = {delivery_id: number for delivery_id, number in last}
    rows = []
    for one in heard:
        numbers[one.parcel.id] = number = numbers.get(one.parcel.id, 0) + 1
        rows.append(
            {
                "delivery_id": one.parcel.id, "number": number, "at": one.at, "status": one.status,
                "took_ms": one.took_ms, "failure": one.failure, "detail": one.detail, "excerpt": one.excerpt,
            }
        )  # fmt: skip
    session.execute(insert(DeliveryAttempt), rows)


def _move(session: Session, heard: Collection[Heard], patience: Patience) -> None:
    """Write what comes next of the deliveries; of one that was given up meanwhile nothing."""
    _change(session, [one.parcel.id for one in heard if one.failure is None], DeliveryState.DELIVERED)
    for one in heard:
        if one.failure is None:
            continue
        pause_s = patience.pause_s(one.parcel.attempts + 1, one.retry_after_s)
        if pause_s is None:
            _change(session, [one.parcel.id], DeliveryState.FAILED)
        else:
            _change(session, [one.parcel.id], DeliveryState.PENDING, due_at=db_now(pause_s), finished_at=None)


def _change(session: Session, ids: list[str], state: DeliveryState, **values: Any) -> None:
    if ids:
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(ids), Delivery.state == DeliveryState.PENDING)
            .values(**({"finished_at": db_now()} | values), state=state, attempts=Delivery.attempts + 1)
        )
