"""Waveforms of the recordings, and what is to be said of them beside the clone.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("samples", schema=None) as batch_op:
        batch_op.add_column(sa.Column("peaks", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("prepared_peaks", sa.JSON(), nullable=True))
    with op.batch_alter_table("clones", schema=None) as batch_op:
        batch_op.add_column(sa.Column("warnings", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("clones", schema=None) as batch_op:
        batch_op.drop_column("warnings")
    with op.batch_alter_table("samples", schema=None) as batch_op:
        batch_op.drop_column("prepared_peaks")
        batch_op.drop_column("peaks")
