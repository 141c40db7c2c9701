"""What operators are shown of vendors: keys that work or not, gates that are shut and why, and opening them by hand."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.commands.dealings import vendors_and_clock
from api.commands.finding import Finding, State
from shared import gates, plans
from shared.db.engine import Database
from shared.db.migrate import upgrade
from shared.errors import VendorAuth, VendorQuota
from shared.settings import Settings
from tests.api.doors.conftest import Door, make_door
from tests.fakes.bland import KEY, FakeBland

__all__ = ["make_door"]  # a fixture that lives beside what it opens


@pytest.fixture
def bland() -> Iterator[FakeBland]:
    fake = FakeBland()
    with fake.running():
        yield fake


def shut_both(database: Database) -> None:
    """A key that was refused, and a full plan of one engine."""
    with database.write() as session:
        gates.pause(session, "bland", VendorAuth("The key is wrong."))
        plans.note_full(session, "bland", "btts_v3", VendorQuota("The plan is full."))


def findings(folder: Path, **chosen: str) -> dict[str, Finding]:
    settings = Settings(data_dir=folder, **chosen)  # type: ignore[arg-type]
    return {finding.name: finding for finding in vendors_and_clock(settings)}


def test_a_key_that_works_is_told_with_what_it_sees(bland: FakeBland, tmp_path: Path) -> None:
    found = findings(tmp_path, bland_api_key=KEY, bland_base_url=bland.url)["bland"]
    assert (found.state, found.found) == (State.OK, "the key works; models: BTTS_V3, BTTS_V2")
    assert bland.ledger() == ()


def test_a_key_that_is_refused_fails_and_names_the_remedy(bland: FakeBland, tmp_path: Path) -> None:
    found = findings(tmp_path, bland_api_key="another", bland_base_url=bland.url)["bland"]
    assert found.state is State.FAIL
    assert "CLONEPIPE_BLAND_API_KEY" in found.found
    assert "another" not in found.found
    assert "again" not in found.found  # nobody tries it again by himself


def test_a_vendor_that_cannot_be_reached_fails(bland: FakeBland, tmp_path: Path) -> None:
    bland.stop()
    found = findings(tmp_path, bland_api_key=KEY, bland_base_url=bland.url)["bland"]
    assert (found.state, "again" in found.found) == (State.FAIL, False)
    bland.start()


def test_what_is_shut_is_told_with_why_and_until_it_is_opened_by_hand(bland: FakeBland, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/clonepipe.db")
    upgrade(database)
    shut_both(database)
    settings = Settings(data_dir=tmp_path, bland_api_key=KEY, bland_base_url=bland.url)
    warned = [(one.name, one.found) for one in vendors_and_clock(settings) if one.state is State.WARN]
    assert [name for name, _ in warned] == ["bland", "bland/btts_v3"]
    for name, words in warned:
        assert f"clonepipe vendors resume {name}" in words
    assert "The key is wrong." in warned[0][1]
    assert "The plan is full." in warned[1][1]

    listed = {one["vendor"]: one for one in json.loads(vendors(tmp_path, bland, "list", "--json"))}["bland"]
    assert (listed["isOpen"], listed["code"], listed["reason"]) == (False, "VENDOR_AUTH", "The key is wrong.")
    assert [one["engine"] for one in listed["fullEngines"]] == ["btts_v3"]
    assert "called again" in vendors(tmp_path, bland, "resume", "bland/btts_v3")
    assert "called again" in vendors(tmp_path, bland, "resume", "bland")
    assert "was not held up" in vendors(tmp_path, bland, "resume", "bland")
    assert not [one for one in vendors_and_clock(settings) if one.state is not State.OK]
    database.dispose()


def vendors(folder: Path, bland: FakeBland, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    environment |= {"CLONEPIPE_DATA_DIR": str(folder), "CLONEPIPE_BLAND_API_KEY": KEY}
    environment |= {"CLONEPIPE_BLAND_BASE_URL": bland.url}
    command = [sys.executable, "-P", "-m", "api", "vendors", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readiness_names_what_is_shut_and_still_takes_uploads(make_door: Callable[..., Door], bland: FakeBland) -> None:
    door = make_door(bland_api_key=KEY, bland_base_url=bland.url)
    shut_both(door.services.database)
    answer = door.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    told = answer.json()["parts"]["vendors"]
    assert "bland until" in told
    assert "The key is wrong." in told
    assert "bland/btts_v3 until" in told
