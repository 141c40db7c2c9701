"""A full plan pauses one engine, no longer its whole vendor.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "engine_pauses",
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("engine", sa.String(length=32), nullable=False),
        sa.Column("paused_until", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("vendor", "engine", name=op.f("pk_engine_pauses")),
    )
    # Whose plan was full is not known of the old rows; the next call at each engine finds out.
    op.execute(
        "UPDATE vendor_gates SET paused_until = NULL, pause_code = NULL, pause_reason = NULL "
        "WHERE pause_code = 'VENDOR_QUOTA'"
    )


def downgrade() -> None:
    op.drop_table("engine_pauses")
