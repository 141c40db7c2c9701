"""Readiness is told soon, whatever hangs: one look at a time, shared by all who ask."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator

import pytest

from api import health
from api.health import Probe
from tests.api.doors.conftest import Door, door, make_door
from tests.processes import until

__all__ = ["door", "make_door"]  # fixtures that live beside what they open


class Part:
    """Something to look at that hangs until it is let go."""

    def __init__(self) -> None:
        self.looks = 0
        self.go_on = threading.Event()

    def look(self) -> str:
        self.looks += 1
        self.go_on.wait(30)
        return "ok"


@pytest.fixture
def part() -> Iterator[Part]:
    part = Part()
    yield part
    part.go_on.set()


async def ask_at_once(probe: Probe, times: int) -> list[str]:
    return await asyncio.gather(*(probe.ask() for _ in range(times)))


def test_many_who_ask_at_once_share_one_look_and_its_answer_is_kept_for_a_moment(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    part.go_on.set()
    probe = Probe("storage", part.look)
    monkeypatch.setattr(health, "KEPT_S", 60.0)
    assert asyncio.run(ask_at_once(probe, 20)) == ["ok"] * 20
    assert asyncio.run(ask_at_once(probe, 20)) == ["ok"] * 20
    assert part.looks == 1
    monkeypatch.setattr(health, "KEPT_S", 0.0)
    assert asyncio.run(probe.ask()) == "ok"
    assert part.looks == 2


def test_a_look_that_hangs_is_told_in_time_and_not_begun_again(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_WITHIN_S", 0.1)
    monkeypatch.setattr(health, "KEPT_S", 0.0)
    probe = Probe("storage", part.look)
    began = time.monotonic()
    for _ in range(3):
        assert asyncio.run(ask_at_once(probe, 20)) == ["storage does not answer"] * 20
    assert time.monotonic() - began < 5
    assert part.looks == 1
    part.go_on.set()
    monkeypatch.setattr(health, "ANSWER_WITHIN_S", 10.0)
    assert asyncio.run(probe.ask()) == "ok"


def test_a_caller_that_leaves_takes_the_answer_from_nobody(part: Part) -> None:
    async def leave_and_stay() -> str:
        probe = Probe("storage", part.look)
        leaving, staying = asyncio.create_task(probe.ask()), asyncio.create_task(probe.ask())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
        part.go_on.set()
        return await staying

    assert asyncio.run(leave_and_stay()) == "ok"


def test_a_look_that_breaks_is_raised_and_does_not_stick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEPT_S", 0.0)
    errors = [ValueError("broken")]

    def look() -> str:
        if errors:
            raise errors.pop()
        return "ok"

    probe = Probe("storage", look)
    with pytest.raises(ValueError, match="broken"):
        asyncio.run(probe.ask())
    assert asyncio.run(probe.ask()) == "ok"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_another_program_keeps_locked_takes_no_upload(door: Door) -> None:
    path = door.services.database.url.database
    other = sqlite3.connect(str(path), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        told = door.client.get("/readyz", timeout=30)
        assert (told.status_code, told.json()["parts"]["database"]) == (503, "database does not answer")
    finally:
        other.close()
    assert until(lambda: door.client.get("/readyz").status_code == 200)
