"""Alembic's entry: runs the migrations on the connection that `shared.db.migrate` hands over."""

from alembic import context
from sqlalchemy import BigInteger
from sqlalchemy.types import TypeEngine

from shared.db.models import Base
from shared.db.moment import Moment


def _same_type(
    _context: object, _inspected: object, _column: object, inspected: TypeEngine[object], model: object
) -> bool | None:
    if isinstance(model, Moment):
        return not isinstance(inspected, BigInteger)
    return None


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=_same_type,
    render_as_batch=True,
)
context.run_migrations()
