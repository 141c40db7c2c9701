"""A plan that is full at one engine: nobody asks it for voices, and everything else goes on."""

import pytest

from shared import gates
from shared.db.engine import Database
from shared.errors import (
    VendorPaused,
    VendorQuota,
)
from tests.contracts.gate_calls import ENGINE, VENDOR, call, fails, is_open, let_pass, shut


def test_a_full_plan_closes_the_gate_only_for_calls_that_create(database: Database) -> None:
    fails(database, VendorQuota("The plan is full."))
    assert is_open(database)
    assert not is_open(database, creates=True)
    call(database)
    assert not is_open(database, creates=True), "that a voice can be read does not say that there is room for another"
    let_pass(database, gates.PAUSE_S)
    call(database, creates=True)
    assert shut(database) == []


def test_a_full_plan_of_one_engine_is_none_of_anothers(database: Database) -> None:
    fails(database, VendorQuota("The plan is full."))
    assert is_open(database, creates=True, engine="btts_v2")
    assert shut(database) == [(f"{VENDOR}/{ENGINE}", "VENDOR_QUOTA")]
    call(database, creates=True, engine="btts_v2")
    assert not is_open(database, creates=True), "a voice of another engine does not say that there is room for this"
    with database.read() as session, pytest.raises(VendorPaused, match="The plan is full") as told:
        gates.check(session, VENDOR, creates=ENGINE)
    assert told.value.because == "VENDOR_QUOTA"
    assert gates.PAUSE_S - 60 < told.value.retry_after_s <= gates.PAUSE_S


def test_one_engine_is_opened_by_hand_and_the_other_stays_shut(database: Database) -> None:
    for engine in (ENGINE, "btts_v2"):
        with pytest.raises(VendorQuota):
            call(database, VendorQuota("The plan is full."), creates=True, engine=engine)
    with database.write() as session:
        assert gates.resume(session, VENDOR, ENGINE)
        assert not gates.resume(session, VENDOR, ENGINE)
    assert is_open(database, creates=True)
    assert not is_open(database, creates=True, engine="btts_v2")


def test_a_deleted_voice_makes_room(database: Database) -> None:
    fails(database, VendorQuota("The plan is full."))
    with database.write() as session:
        gates.has_room(session, VENDOR)
    assert is_open(database, creates=True)
