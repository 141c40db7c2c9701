"""Calls through a vendor's gate, with what came of them, for the contracts of gates and plans."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from shared import gates
from shared.asking import Subject, ask
from shared.db.engine import Database
from shared.db.models import EnginePause, VendorGate
from shared.errors import (
    VendorError,
    VendorPaused,
    VendorRateLimited,
)
from shared.vendors import journal
from shared.vendors.journal import Exchange
from shared.vendors.protocol import Vendor

VENDOR, ENGINE = "bland", "btts_v3"
SPACING_S = 60.0  # so long that a slow machine changes no count


class Caller:
    """A vendor's place in `ask`: what is called is given with each call."""

    name = VENDOR

    def __init__(self, calls_per_minute: float | None = None) -> None:
        self.calls_per_minute = calls_per_minute


def call(
    database: Database,
    failure: VendorError | None = None,
    *,
    creates: bool = False,
    caller: Caller | None = None,
    engine: str = ENGINE,
) -> None:
    """Make a call through the gate that is answered, or fails."""

    def answered(_: Vendor) -> None:
        kind = None if failure is None else failure.code
        journal.note(Exchange(VENDOR, "POST", "/v1", 200, 1, None, "", kind))
        if failure is not None:
            raise failure

    ask(database, caller or Caller(), Subject("vc_1", engine=engine), answered, creates=creates)  # type: ignore[arg-type]


def fails(database: Database, failure: VendorError, times: int = 1, *, creates: bool = True) -> None:
    for _ in range(times):
        with pytest.raises(type(failure)):
            call(database, failure, creates=creates)


def is_open(database: Database, *, creates: bool = False, engine: str = ENGINE) -> bool:
    try:
        with database.read() as session:
            gates.check(session, VENDOR, creates=engine if creates else None)
    except (VendorPaused, VendorRateLimited):
        return False
    return True


def let_pass(database: Database, seconds: float) -> None:
    """Let time go by at the gate."""
    with database.write() as session:
        for pause in session.scalars(select(EnginePause)):
            pause.paused_until -= timedelta(seconds=seconds)
        gate = session.get(VendorGate, VENDOR)
        if gate is None:
            return
        for column in ("paused_until", "closed_until", "slow_until", "next_call_at"):
            moment = getattr(gate, column)
            if moment is not None:
                setattr(gate, column, moment - timedelta(seconds=seconds))


def shut(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(gate.name, gate.code) for gate in gates.shut(session)]
