"""The tables of callbacks: whom to tell, what is to be told them, and how each attempt to do so went."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.columns import Base, word
from shared.states import DeliveryState, EndpointKind

_CALLBACK, _DEFAULT, _PENDING = "kind = 'callback'", "kind = 'default'", "state = 'pending'"


class WebhookEndpoint(Base):
    """Who is told of an account's clones. Its deliveries are made by one worker at a time, which holds its lease."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index("ix_webhook_endpoints_account", "account_id", "created_at"),
        Index("ix_webhook_endpoints_due", "next_due_at"),
        Index(
            "uq_webhook_endpoints_callback",
            "account_id",
            "url_digest",
            unique=True,
            sqlite_where=text(_CALLBACK),
            postgresql_where=text(_CALLBACK),
        ),
        Index(
            "uq_webhook_endpoints_default",
            "account_id",
            unique=True,
            sqlite_where=text(_DEFAULT),
            postgresql_where=text(_DEFAULT),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[EndpointKind] = mapped_column(word(EndpointKind))
    url: Mapped[str | None] = mapped_column(Text)  # None: nobody is called, as of the keeper of the account's secret
    url_digest: Mapped[str | None] = mapped_column(String(64))  # SHA-256: a key that any database can index
    description: Mapped[str | None] = mapped_column(Text)
    event_types: Mapped[list[str] | None]  # None: all
    sealed_secret: Mapped[str | None] = mapped_column(Text)  # None: signed with the account's default secret
    former_secret: Mapped[str | None] = mapped_column(Text)  # signs as well, until `former_until`
    former_until: Mapped[datetime | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    disabled_reason: Mapped[str | None] = mapped_column(Text)  # why we stopped; None: its owner did, or nobody
    disabled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]  # the first failure that no success has followed
    paused_until: Mapped[datetime | None]  # it asked us to come later

    next_due_at: Mapped[datetime | None]  # when its next delivery is due; None: nothing is pending
    announce_at: Mapped[datetime]
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Delivery(Base):
    """One message for one endpoint: written with the change that it tells of, kept until it was heard or given up."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(
            "ix_deliveries_due",
            "endpoint_id",
            "due_at",
            sqlite_where=text(_PENDING),
            postgresql_where=text(_PENDING),
        ),
        Index("ix_deliveries_endpoint", "endpoint_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # what the receiver sees as `webhook-id`
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"))
    account_id: Mapped[str] = mapped_column(String(40))
    clone_id: Mapped[str | None] = mapped_column(String(40), index=True)
    seq: Mapped[int | None]  # of the clone's line that it tells of
    type: Mapped[str] = mapped_column(String(64))
    body: Mapped[str | None] = mapped_column(Text)  # as it is sent, byte for byte; None: its clone was erased since
    state: Mapped[DeliveryState] = mapped_column(word(DeliveryState))
    attempts: Mapped[int] = mapped_column(default=0)  # since it was due by schedule, or replayed
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class DeliveryAttempt(Base):
    """How one attempt went, for whoever must find out why nothing came."""

    __tablename__ = "delivery_attempts"

    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1, replays included
    at: Mapped[datetime]
    status: Mapped[int | None]  # None: no answer came
    took_ms: Mapped[int]
    failure: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(Text)
    excerpt: Mapped[str] = mapped_column(Text)  # the beginning of what was answered
