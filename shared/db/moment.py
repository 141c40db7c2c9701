"""Points in time, told by the database's clock.

A moment is an aware UTC datetime in Python and a BIGINT of milliseconds since 1970 in every database, so that
comparing and adding are the same in SQLite and PostgreSQL. Leases and due times compare only against `db_now()`:
a worker whose own clock is wrong can neither steal a job nor keep one.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, literal, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class Moment(TypeDecorator[datetime]):
    """A column of milliseconds since 1970 that reads and writes aware datetimes."""

    impl = BigInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MS

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + int(value) * _MS


class _ClockMs(FunctionElement[int]):
    """The database's wall clock in milliseconds since 1970."""

    type = BigInteger()
    inherit_cache = True


@compiles(_ClockMs, "sqlite")
def _sqlite_clock(element: _ClockMs, compiler: Any, **options: Any) -> str:
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(_ClockMs, "postgresql")
def _postgresql_clock(element: _ClockMs, compiler: Any, **options: Any) -> str:
    # clock_timestamp, not now(): a transaction that waited for a lock must not lease from before the wait.
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


def db_now(plus_s: float = 0.0) -> ColumnElement[datetime]:
    """Return an expression for the database's present moment, `plus_s` seconds from now."""
    clock: ColumnElement[int] = _ClockMs()
    if plus_s:
        clock = clock + literal(round(plus_s * 1000), BigInteger)
    return type_coerce(clock, Moment())
