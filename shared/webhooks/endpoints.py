"""Webhook endpoints: who is told of an account's clones, under which secret, and what of.

What they are told is in `deliveries`, how that went in `journal`, and their secrets in `keyring`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, func, insert, null, select, update
from sqlalchemy import delete as delete_rows
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from shared.db.models import Delivery, DeliveryAttempt, WebhookEndpoint
from shared.db.moment import db_now
from shared.errors import NotFound, WebhookLimitExceeded
from shared.ids import ENDPOINT, new_id
from shared.states import DeliveryState, EndpointKind
from shared.vault import Vault
from shared.webhooks.signing import new_secret

MOST_ENDPOINTS: Final = 50  # of one account; every event is written once for each
DEFAULT: Final = "default"  # what the keeper of the callbacks' secret is called in addresses
_OWN: Final = (EndpointKind.ENDPOINT, EndpointKind.LISTENER)


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint as its owner sees it: all but its secret.

    `pending` counts what it has not been told yet; of `default`, what no `callback_url` has been told yet.
    """

    id: str
    kind: EndpointKind
    url: str | None
    description: str | None
    event_types: tuple[str, ...] | None
    is_active: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    failing_since: datetime | None
    pending: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What may be changed; None leaves a field as it is, an empty description or list of types takes it away."""

    url: str | None = None
    event_types: tuple[str, ...] | None = None
    description: str | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint as it was ordered; `event_types` of None is all."""

    url: str | None
    event_types: tuple[str, ...] | None = None
    description: str | None = None
    kind: EndpointKind = EndpointKind.ENDPOINT


def create(session: Session, vault: Vault, account_id: str, new: NewEndpoint) -> tuple[EndpointView, str]:
    """Make an endpoint; return it with its secret, for the only time. Raises: WebhookLimitExceeded."""
    held = session.scalar(
        select(func.count()).where(WebhookEndpoint.account_id == account_id, WebhookEndpoint.kind.in_(_OWN))
    )
    if (held or 0) >= MOST_ENDPOINTS:
        raise WebhookLimitExceeded(
            f"The account has {held} webhook endpoints, which is the most. Delete one that is not needed.",
            current_count=held,
            max_allowed=MOST_ENDPOINTS,
        )
    endpoint_id, secret = new_id(ENDPOINT), new_secret()
    insert_row(
        session, endpoint_id, account_id, new.kind, new.url, vault.seal(secret, of=endpoint_id),
        description=new.description or None, event_types=list(new.event_types) if new.event_types else null(),
    )  # fmt: skip
    return get(session, account_id, endpoint_id), secret


def page(session: Session, account_id: str) -> tuple[EndpointView, ...]:
    """Return an account's endpoints, oldest first; those of single clones are not among them."""
    rows = session.execute(
        _query(account_id).where(WebhookEndpoint.kind.in_(_OWN)).order_by(WebhookEndpoint.created_at)
    )
    return tuple(_view(*row) for row in rows)


def get(session: Session, account_id: str, endpoint_id: str) -> EndpointView:
    """Return one endpoint; `default` is the keeper of the callbacks' secret. Raises: NotFound."""
    own = WebhookEndpoint.id == endpoint_id, WebhookEndpoint.kind.in_(_OWN)
    condition = (WebhookEndpoint.kind == EndpointKind.DEFAULT,) if endpoint_id == DEFAULT else own
    row = session.execute(_query(account_id).where(*condition)).one_or_none()
    if row is None:
        raise not_found(endpoint_id)
    return _view(*row)


def not_found(endpoint_id: str) -> NotFound:
    """Return what is told where an account has no such endpoint."""
    return NotFound(f"There is no webhook endpoint '{endpoint_id[:40]}' on this account.")


def change(session: Session, account_id: str, endpoint_id: str, wish: EndpointChange) -> EndpointView:
    """Change an endpoint; one that is switched on again is taken for healthy. Raises: NotFound."""
    known = get(session, account_id, endpoint_id)
    values: dict[str, Any] = {"updated_at": db_now()}
    if wish.url is not None:
        values |= {"url": wish.url, "url_digest": digest(wish.url), "failing_since": None, "paused_until": None}
    if wish.event_types is not None:
        values["event_types"] = list(wish.event_types) or null()
    if wish.description is not None:
        values["description"] = wish.description or None
    if wish.is_active is not None and wish.is_active != known.is_active:
        values |= {"is_active": wish.is_active, "failing_since": None, "paused_until": None, "disabled_reason": None}
        values["disabled_at"] = None if wish.is_active else db_now()
    session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == known.id).values(**values))
    return get(session, account_id, known.id)


def delete(session: Session, account_id: str, endpoint_id: str) -> None:
    """Forget an endpoint and all that it was told. Raises: NotFound."""
    known = get(session, account_id, endpoint_id)
    # Locked first: a worker that is settling its deliveries comes before us, or finds it gone.
    session.execute(select(WebhookEndpoint.id).where(WebhookEndpoint.id == known.id).with_for_update())
    theirs = select(Delivery.id).where(Delivery.endpoint_id == known.id)
    session.execute(delete_rows(DeliveryAttempt).where(DeliveryAttempt.delivery_id.in_(theirs)))
    session.execute(delete_rows(Delivery).where(Delivery.endpoint_id == known.id))
    session.execute(delete_rows(WebhookEndpoint).where(WebhookEndpoint.id == known.id))


def callback(session: Session, account_id: str, url: str) -> str:
    """Return the endpoint of a `callback_url`, made when it is first needed."""
    known = select(WebhookEndpoint.id).where(
        WebhookEndpoint.account_id == account_id,
        WebhookEndpoint.kind == EndpointKind.CALLBACK,
        WebhookEndpoint.url_digest == digest(url),
    )
    found = session.scalar(known)
    if found is None:
        with unless_made_meanwhile(session):
            insert_row(session, new_id(ENDPOINT), account_id, EndpointKind.CALLBACK, url, None)
        found = session.execute(known).scalar_one()
    return found


def revive(session: Session, endpoint_id: str) -> None:
    """Have an endpoint that was given up called again."""
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, ~WebhookEndpoint.is_active)
        .values(is_active=True, disabled_at=None, disabled_reason=None, failing_since=None, paused_until=None)
    )


def digest(url: str) -> str:
    """Return what a URL is found by."""
    return hashlib.sha256(url.encode()).hexdigest()


class unless_made_meanwhile:  # noqa: N801 - read as a sentence
    """A savepoint whose insert may find that somebody else was first."""

    def __init__(self, session: Session) -> None:
        self._savepoint = session.begin_nested()

    def __enter__(self) -> None:
        self._savepoint.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        self._savepoint.__exit__(kind, error, trace)
        return isinstance(error, IntegrityError)


def insert_row(
    session: Session, endpoint_id: str, account_id: str, kind: EndpointKind, url: str | None, sealed: str | None,
    **more: Any,
) -> None:  # fmt: skip
    session.execute(
        insert(WebhookEndpoint).values(
            id=endpoint_id, account_id=account_id, kind=kind, url=url, url_digest=None if url is None else digest(url),
            sealed_secret=sealed, is_active=True, announce_at=db_now(), fence=0, created_at=db_now(),
            updated_at=db_now(), **more,
        )
    )  # fmt: skip


def _query(account_id: str) -> Any:
    waiting = select(func.count()).where(Delivery.state == DeliveryState.PENDING)
    callback = aliased(WebhookEndpoint)
    callbacks = select(callback.id).where(callback.account_id == account_id, callback.kind == EndpointKind.CALLBACK)
    own = waiting.where(Delivery.endpoint_id == WebhookEndpoint.id).correlate(WebhookEndpoint)
    pending = case(
        (
            WebhookEndpoint.kind == EndpointKind.DEFAULT,
            waiting.where(Delivery.endpoint_id.in_(callbacks)).scalar_subquery(),
        ),
        else_=own.scalar_subquery(),
    )
    return select(WebhookEndpoint, pending).where(WebhookEndpoint.account_id == account_id)


def _view(row: WebhookEndpoint, pending: int) -> EndpointView:
    return EndpointView(
        id=row.id, kind=row.kind, url=row.url, description=row.description,
        event_types=None if row.event_types is None else tuple(row.event_types), is_active=row.is_active,
        disabled_at=row.disabled_at, disabled_reason=row.disabled_reason, failing_since=row.failing_since,
        pending=pending, created_at=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip
