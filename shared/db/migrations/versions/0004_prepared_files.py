"""Files for the vendor, each made of one or more recordings; and which clone an idempotency key's answer tells of.

What the version before prepared is left in storage until its clone is erased: how it was made is not known well enough
to say where each second of it came from. A job that was about to send it goes back to preparing.

Revision ID: 0004
Revises: 0003
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_samples = sa.table("samples", sa.column("id", sa.String()), sa.column("inspection", sa.JSON()))
_keys = sa.table(
    "idempotency_keys",
    sa.column("account_id", sa.String()),
    sa.column("key", sa.String()),
    sa.column("body", sa.Text()),
    sa.column("clone_id", sa.String()),
)
_jobs = sa.table(
    "jobs",
    sa.column("kind", sa.String()),
    sa.column("stage", sa.String()),
    sa.column("queue", sa.String()),
    sa.column("outcome", sa.String()),
)
_MEASURES = (
    "duration_s", "missing_share", "speech_s", "speech_share", "speech_by", "snr_db", "snr_by", "loudness_lufs",
    "true_peak_dbtp", "peak_dbfs", "flat_tops_per_10k", "pile_up", "crest_db", "bandwidth_hz", "echo_s",
    "voice_likeness", "gated_share", "flickering_share",
)  # fmt: skip
_FACTS = ("format", "codec", "rate_hz", "channels", "duration_s", "header_duration_s", "mix", "warnings")


def upgrade() -> None:
    op.create_table(
        "prepared_files",
        sa.Column("clone_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("object_key", sa.String(length=255), nullable=False),
        sa.Column("container", sa.String(length=16), nullable=False),
        sa.Column("rate_hz", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("cleaned", sa.Boolean(), nullable=False),
        sa.Column("preparation", sa.JSON(), nullable=False),
        sa.Column("peaks", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["clone_id"], ["clones.id"], name=op.f("fk_prepared_files_clone_id")),
        sa.PrimaryKeyConstraint("clone_id", "number", name=op.f("pk_prepared_files")),
        sa.UniqueConstraint("object_key", name=op.f("uq_prepared_files_object_key")),
    )
    with op.batch_alter_table("samples", schema=None) as batch_op:
        batch_op.drop_column("prepared_peaks")
        batch_op.drop_column("preparation")
        batch_op.drop_column("prepared_key")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("clone_id", sa.String(length=40), nullable=True))
        batch_op.create_index(batch_op.f("ix_idempotency_keys_clone_id"), ["clone_id"], unique=False)
    _reword_inspections()
    _name_clones()
    under_way = sa.and_(_jobs.c.outcome.is_(None), _jobs.c.kind == "create", _jobs.c.stage == "submit")
    op.execute(_jobs.update().where(under_way).values(stage="prepare", queue="audio"))


def _reword_inspections() -> None:
    """Write what was measured in this version's words; what was not measured then is None."""
    connection = op.get_bind()
    for sample_id, found in connection.execute(sa.select(_samples.c.id, _samples.c.inspection)).all():
        if found is not None and "measures" not in found:
            reworded: dict[str, Any] = {name: found.get(name) for name in _FACTS}
            reworded["measures"] = {name: found.get(name) for name in _MEASURES}
            reworded["findings"] = []
            connection.execute(_samples.update().where(_samples.c.id == sample_id).values(inspection=reworded))


def _name_clones() -> None:
    """Say of every kept answer which clone it tells of."""
    connection = op.get_bind()
    kept = sa.select(_keys.c.account_id, _keys.c.key, _keys.c.body).where(_keys.c.body.is_not(None))
    for account_id, key, body in connection.execute(kept).all():
        clone_id = json.loads(body).get("data", {}).get("voiceId")
        row = sa.and_(_keys.c.account_id == account_id, _keys.c.key == key)
        connection.execute(_keys.update().where(row).values(clone_id=clone_id))


def downgrade() -> None:
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_clone_id"))
        batch_op.drop_column("clone_id")
    with op.batch_alter_table("samples", schema=None) as batch_op:
        batch_op.add_column(sa.Column("prepared_key", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("preparation", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("prepared_peaks", sa.JSON(), nullable=True))
    op.drop_table("prepared_files")
