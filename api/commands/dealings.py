"""What the doctor finds of vendors and of the clock: keys that work, gates that are shut, times that agree.

Each vendor is asked one harmless thing that needs its key. Nothing is written, at the vendor or here.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select

from api.commands.finding import Finding, State
from shared.settings import Settings

_SKEW_S: Final = 5.0  # leases and due times go by the database's clock; logs and signatures go by ours


def vendors_and_clock(chosen: Settings) -> Iterator[Finding]:
    """Look at every vendor that is configured, and at the database's clock."""
    yield from _vendors(chosen)
    yield from _gates_and_clock(chosen)


def _vendors(chosen: Settings) -> Iterator[Finding]:
    from api.intake.void import VoidStorage
    from shared.errors import SetupError, VendorError
    from shared.vendors import SANDBOX, open_vendors

    try:
        vendors = open_vendors(chosen, VoidStorage())
    except SetupError as error:
        yield Finding("vendors", State.FAIL, error.message)
        return
    yield Finding("vendors", State.OK, ", ".join(vendors.names()))
    for vendor in vendors:
        if vendor.name == SANDBOX:
            continue
        try:
            yield Finding(vendor.name, State.OK, vendor.check_access())
        except VendorError as error:
            yield Finding(vendor.name, State.FAIL, error.message)


def _gates_and_clock(chosen: Settings) -> Iterator[Finding]:
    from pathlib import Path

    from shared import gates
    from shared.db.engine import Database, parse_url
    from shared.db.migrate import is_current
    from shared.db.moment import db_now
    from shared.errors import DatabaseUnavailable, SetupError

    try:
        url = parse_url(chosen.database_url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            yield Finding("clock", State.OK, "this machine's, because the database is on it")
            return
        database = Database(chosen.database_url)
    except SetupError:
        return  # told of the database itself
    try:
        if not is_current(database):
            return
        with database.read() as session:
            shut = gates.shut(session)
            skew_s = (session.execute(select(db_now())).scalar_one() - datetime.now(UTC)).total_seconds()
    except DatabaseUnavailable:
        return
    finally:
        database.dispose()
    for gate in shut:
        what = "not called" if gate.engine is None else "not asked for voices"
        found = f"{what} until {gate.until:%H:%M:%S} UTC ({gate.code}). {gate.reason}"
        advice = f" When it is mended: clonepipe vendors resume {gate.name}"
        yield Finding(gate.name, State.WARN, found + advice)
    if abs(skew_s) > _SKEW_S:
        yield Finding(
            "clock", State.WARN, f"the database's clock is {skew_s:+.0f} s from this machine's: set both by NTP"
        )
    else:
        yield Finding("clock", State.OK, "the database's and this machine's agree")
