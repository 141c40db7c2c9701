"""Callbacks: endpoints, deliveries and their attempts; estimates with a range; jobs that are tried anew.

Revision ID: 0007
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=40), nullable=nullable)


def _text(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _moment(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(_moment("eta_low_at"))
        batch_op.add_column(_moment("eta_high_at"))
        # The defaults stay: to take them off SQLite would have to write the table anew, and rows point at it.
        batch_op.add_column(sa.Column("told_progress", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(_moment("told_at"))
        batch_op.add_column(sa.Column("retries", sa.Integer(), nullable=False, server_default="0"))
    _add_endpoints()
    _add_deliveries()


def _add_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        _id("id"),
        _id("account_id"),
        sa.Column("kind", sa.String(length=32), nullable=False),
        _text("url"),
        sa.Column("url_digest", sa.String(length=64), nullable=True),
        _text("description"),
        sa.Column("event_types", sa.JSON(), nullable=True),
        _text("sealed_secret"),
        _text("former_secret"),
        _moment("former_until"),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        _text("disabled_reason"),
        _moment("disabled_at"),
        _moment("failing_since"),
        _moment("paused_until"),
        _moment("next_due_at"),
        _moment("announce_at", nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        _moment("lease_until"),
        _moment("created_at", nullable=False),
        _moment("updated_at", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_webhook_endpoints_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index("ix_webhook_endpoints_account", "webhook_endpoints", ["account_id", "created_at"])
    op.create_index("ix_webhook_endpoints_due", "webhook_endpoints", ["next_due_at"])
    for kind, columns in (("callback", ["account_id", "url_digest"]), ("default", ["account_id"])):
        only = sa.text(f"kind = '{kind}'")
        op.create_index(
            f"uq_webhook_endpoints_{kind}", "webhook_endpoints", columns, unique=True, sqlite_where=only,
            postgresql_where=only,
        )  # fmt: skip


def _add_deliveries() -> None:
    op.create_table(
        "deliveries",
        _id("id"),
        _id("endpoint_id"),
        _id("account_id"),
        _id("clone_id", nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("type", sa.String(length=64), nullable=False),
        _text("body"),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _moment("due_at", nullable=False),
        _moment("created_at", nullable=False),
        _moment("finished_at"),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_deliveries_endpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_deliveries_due", "deliveries", ["endpoint_id", "due_at"], sqlite_where=pending, postgresql_where=pending
    )
    op.create_index("ix_deliveries_endpoint", "deliveries", ["endpoint_id", "created_at"])
    op.create_index(op.f("ix_deliveries_clone_id"), "deliveries", ["clone_id"])
    op.create_table(
        "delivery_attempts",
        _id("delivery_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        _moment("at", nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(length=32), nullable=True),
        _text("detail", nullable=False),
        _text("excerpt", nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_attempts_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_delivery_attempts")),
    )


def downgrade() -> None:
    for table in ("delivery_attempts", "deliveries", "webhook_endpoints"):
        op.drop_table(table)
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        for column in ("retries", "told_at", "told_progress", "eta_high_at", "eta_low_at"):
            batch_op.drop_column(column)
