"""Deliveries: one message for one endpoint, written in the transaction of the change that it tells of.

So nothing that happened can be missing, and nothing is told that was rolled back. Rows of endpoints are locked in the
order of their ids, here and by who settles deliveries. Who sends them is told by `lines`; who reads them, by `journal`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from shared import tidings, views
from shared.db.models import Delivery, DeliveryAttempt, WebhookEndpoint
from shared.db.moment import db_now
from shared.documents import clone_document
from shared.errors import CloneNotFound
from shared.ids import MESSAGE, new_id
from shared.states import DeliveryState, EndpointKind, EventType
from shared.vendors import notice_of
from shared.webhooks import endpoints
from shared.webhooks.messages import ENDPOINT_DISABLED, message

SUBSCRIBERS: Final = (EndpointKind.ENDPOINT, EndpointKind.LISTENER)


@dataclass(frozen=True, slots=True)
class News:
    """A new line of a clone's history, as it is told: whom it is told is read when it is written down."""

    account_id: str
    clone_id: str
    seq: int
    kind: EventType
    at: datetime
    callback_url: str | None

    def write(self, session: Session) -> None:
        """Write a message for every endpoint that wants to know. To be done at the end of the transaction."""
        if self.kind is EventType.ERASED:
            _forget(session, self.clone_id)
        told = _subscribed(session, self.account_id, self.kind.value)
        callback = None
        if self.callback_url is not None:
            callback = endpoints.callback(session, self.account_id, self.callback_url)
            told = sorted([*told, callback])
        data = self._data(session) if told else None
        if data is None:
            return
        body = message(self.kind.value, self.at, data)
        for endpoint_id in told:
            made = self._insert(session, endpoint_id, body)
            if made is None and endpoint_id == callback:  # forgotten since, as one that nobody had used for a month
                callback = endpoints.callback(session, self.account_id, self.callback_url or "")
                self._insert(session, callback, body)
        if callback is not None and self.seq == 1:
            endpoints.revive(session, callback)  # a new clone names it: it is called again, whatever was before

    def _insert(self, session: Session, endpoint_id: str, body: str) -> str | None:
        return _insert(
            session, endpoint_id, self.account_id, self.kind.value, body, clone_id=self.clone_id, seq=self.seq
        )

    def _data(self, session: Session) -> dict[str, Any] | None:
        """Return the clone as a poll shows it, or None: it is deleted, and what still goes on is nobody's news."""
        if self.kind is EventType.ERASED:
            return {"voiceId": self.clone_id, "seq": self.seq}  # nothing else of it is left
        try:
            view = views.get(session, self.account_id, self.clone_id)
        except CloneNotFound:
            return None
        return clone_document(view, notice_of(view.vendor)) | {"seq": self.seq}


def tell_of_disabled(session: Session, account_id: str, endpoint_id: str, url: str | None, reason: str) -> None:
    """Tell an account's other endpoints that one of them is called no more."""
    at = session.execute(select(db_now())).scalar_one()
    body = message(ENDPOINT_DISABLED, at, {"endpointId": endpoint_id, "url": url, "reason": reason})
    for other in _subscribed(session, account_id, ENDPOINT_DISABLED):
        if other != endpoint_id:
            _insert(session, other, account_id, ENDPOINT_DISABLED, body)


def write_one(session: Session, account_id: str, endpoint_id: str, kind: str, body: str) -> str | None:
    """Write a message that tells of no clone; return its id, or None: the endpoint is gone."""
    return _insert(session, endpoint_id, account_id, kind, body)


def make_due(session: Session, endpoint_id: str) -> bool:
    """Have an endpoint looked at now; False: there is none.

    Always a write: it waits for a worker that is just finding nothing more to do, and for one that deletes the row.
    """
    found = session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .values(next_due_at=db_now())
        .returning(WebhookEndpoint.id)
    ).scalar_one_or_none()
    if found is not None:
        tidings.note_delivery(session, endpoint_id)
    return found is not None


def _subscribed(session: Session, account_id: str, kind: str) -> list[str]:
    """Return the account's endpoints that want this type, in the order in which rows are always locked."""
    rows = session.execute(
        select(WebhookEndpoint.id, WebhookEndpoint.event_types).where(
            WebhookEndpoint.account_id == account_id, WebhookEndpoint.kind.in_(SUBSCRIBERS), WebhookEndpoint.is_active
        )
    )
    return sorted(endpoint_id for endpoint_id, types in rows if types is None or kind in types)


def _insert(
    session: Session, endpoint_id: str, account_id: str, kind: str, body: str, *, clone_id: str | None = None,
    seq: int | None = None,
) -> str | None:  # fmt: skip
    if not make_due(session, endpoint_id):
        return None  # deleted since it was read
    made = new_id(MESSAGE)
    session.execute(
        insert(Delivery).values(
            id=made, endpoint_id=endpoint_id, account_id=account_id, clone_id=clone_id, seq=seq, type=kind, body=body,
            state=DeliveryState.PENDING, attempts=0, due_at=db_now(), created_at=db_now(),
        )
    )  # fmt: skip
    return made


def _forget(session: Session, clone_id: str) -> None:
    """Take a clone's content out of what was written of it: messages told of a person."""
    session.execute(
        update(Delivery)
        .where(Delivery.clone_id == clone_id, Delivery.state == DeliveryState.PENDING)
        .values(state=DeliveryState.FAILED, finished_at=db_now())
    )
    session.execute(update(Delivery).where(Delivery.clone_id == clone_id).values(body=None))
    told = select(Delivery.id).where(Delivery.clone_id == clone_id)
    session.execute(delete(DeliveryAttempt).where(DeliveryAttempt.delivery_id.in_(told)))
