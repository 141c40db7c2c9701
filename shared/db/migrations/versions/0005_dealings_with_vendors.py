"""Vendors over the wire: what was asked and answered, what they hold, whether they may be called, what was erased.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=40), nullable=nullable)


def _word(name: str, length: int = 32, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _moment(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    _add_tables()
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(_id("held_sample_id", nullable=True))
    with op.batch_alter_table("clones", schema=None) as batch_op:
        batch_op.add_column(sa.Column("fallbacks", sa.JSON(), nullable=True))
        # The default stays: to take it off SQLite would have to write the table anew, and rows point at it.
        batch_op.add_column(sa.Column("adopted", sa.Boolean(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("notes", sa.JSON(), nullable=True))
    held = sa.text("vendor_voice_id IS NOT NULL")
    op.create_index(
        "uq_clones_voice", "clones", ["vendor", "vendor_voice_id"], unique=True, sqlite_where=held,
        postgresql_where=held,
    )  # fmt: skip
    # Until now a clone had one job that recordings came with: its first.
    for table in ("samples", "prepared_files"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(_id("job_id", nullable=True))
        first = "SELECT MIN(id) FROM jobs WHERE jobs.clone_id = {0}.clone_id AND jobs.kind = 'create'"
        op.execute(f"UPDATE {table} SET job_id = COALESCE(({first.format(table)}), '')")  # noqa: S608 - our own names
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column("job_id", existing_type=sa.String(length=40), nullable=False)
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.add_column(_word("vendor", nullable=True))
        batch_op.add_column(_word("engine", nullable=True))
        batch_op.add_column(sa.Column("held_before", sa.JSON(), nullable=True))
        batch_op.add_column(_moment("look_again_at"))
        batch_op.add_column(sa.Column("twins", sa.JSON(), nullable=True))
    for column in ("vendor", "engine"):
        op.execute(f"UPDATE submissions SET {column} = (SELECT {column} FROM jobs WHERE jobs.id = submissions.job_id)")  # noqa: S608
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.alter_column("vendor", existing_type=sa.String(length=32), nullable=False)
        batch_op.alter_column("engine", existing_type=sa.String(length=32), nullable=False)


def _add_tables() -> None:
    op.create_table(
        "vendor_calls",
        _id("id"),
        _id("clone_id"),
        _id("job_id", nullable=True),
        _word("vendor"),
        _word("method", 8),
        _word("path", 255),
        sa.Column("status", sa.Integer(), nullable=True),
        _word("failure", 64, nullable=True),
        _word("request_id", 100, nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        _moment("at", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendor_calls")),
    )
    op.create_index("ix_vendor_calls_clone", "vendor_calls", ["clone_id", "at"])
    op.create_index("ix_vendor_calls_at", "vendor_calls", ["at"])
    op.create_table(
        "vendor_gates",
        _word("vendor"),
        _moment("paused_until"),
        _word("pause_code", 64, nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        _moment("closed_until"),
        _moment("slow_until"),
        _moment("next_call_at"),
        sa.PrimaryKeyConstraint("vendor", name=op.f("pk_vendor_gates")),
    )
    op.create_table(
        "held_samples",
        _id("id"),
        _id("clone_id"),
        _id("account_id"),
        _word("vendor_sample_id", 255),
        _word("filename", 255, nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        _moment("created_at", nullable=False),
        sa.ForeignKeyConstraint(["clone_id"], ["clones.id"], name=op.f("fk_held_samples_clone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_samples")),
    )
    op.create_index("uq_held_samples_vendor", "held_samples", ["clone_id", "vendor_sample_id"], unique=True)
    op.create_table(
        "erasures",
        _id("clone_id"),
        _id("account_id"),
        _id("job_id"),
        _moment("requested_at", nullable=False),
        _moment("completed_at"),
        sa.Column("voices", sa.JSON(), nullable=True),
        sa.Column("objects_deleted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("clone_id", name=op.f("pk_erasures")),
    )


def downgrade() -> None:
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        for column in ("twins", "look_again_at", "held_before", "engine", "vendor"):
            batch_op.drop_column(column)
    for table in ("prepared_files", "samples"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("job_id")
    op.drop_index("uq_clones_voice", table_name="clones")
    with op.batch_alter_table("clones", schema=None) as batch_op:
        for column in ("notes", "adopted", "fallbacks"):
            batch_op.drop_column(column)
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_column("held_sample_id")
    for table in ("erasures", "held_samples", "vendor_gates", "vendor_calls"):
        op.drop_table(table)
