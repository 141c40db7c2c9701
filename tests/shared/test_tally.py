"""What the database has to tell Prometheus, of every kind: counts and ages, once for all who ask, and its absence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.core import Metric
from sqlalchemy import event, update

from shared import claims, gates, jobs, tally
from shared.db.engine import Database
from shared.db.models import Job, WebhookEndpoint
from shared.db.moment import db_now
from shared.errors import VendorAuth
from shared.keys import MAIN_ACCOUNT
from shared.settings import Settings
from shared.states import EndpointKind, Queue, WaitingFor
from shared.storage import open_storage
from shared.tally import STATUSES, Tally
from shared.vendors.protocol import Vendor
from shared.vendors.sandbox import Sandbox

NewClone = Callable[..., tuple[str, str]]
Told = dict[tuple[str, ...], float]


@pytest.fixture
def sandbox(tmp_path: Path) -> Vendor:
    return Sandbox(open_storage(Settings(data_dir=tmp_path)), 0)


@pytest.fixture
def told(database: Database, sandbox: Vendor, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Told]:
    monkeypatch.setattr(tally, "KEPT_S", 0.0)
    made = Tally(database, [sandbox])
    return lambda name: values(made.collect(), name)


def values(families: tuple[Metric, ...], name: str) -> Told:
    """Return the samples of a gauge by their labels' values."""
    (family,) = [family for family in families if family.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in family.samples}


def change(database: Database, job_id: str, **columns: object) -> None:
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(**columns))


def test_jobs_are_counted_by_stage_and_by_what_they_do(
    database: Database, new_clone: NewClone, told: Callable[[str], Told]
) -> None:
    due, running, expired, resting, later, done = (new_clone()[1] for _ in range(6))
    change(database, due, due_at=db_now(-5))
    for held, lease_s in ((running, 60.0), (expired, 60.0)):
        with database.write() as session:
            assert claims.take(session, held, owner="me", lease_s=lease_s) is not None
    change(database, expired, lease_until=db_now(-5))
    change(database, resting, due_at=db_now(60), waiting_for=WaitingFor.VENDOR)
    change(database, later, due_at=db_now(60))
    change(database, done, outcome="done")
    counts = told("clonepipe_jobs")
    expected = {"due": 1, "running": 1, "expired": 1, "vendor": 1, "scheduled": 1}
    assert {status: counts["validate", status] for status in STATUSES} == dict.fromkeys(STATUSES, 0) | expected
    assert sum(counts.values()) == 5


def test_what_waits_longest_is_told_for_each_queue(
    database: Database, new_clone: NewClone, told: Callable[[str], Told]
) -> None:
    first, second, held = (new_clone()[1] for _ in range(3))
    change(database, first, due_at=db_now(-100))
    change(database, second, due_at=db_now(-10))
    change(database, held, due_at=db_now(-1000), lease_until=db_now(60))
    ages = told("clonepipe_oldest_runnable_job_age_seconds")
    assert 100 <= ages["audio",] < 1000
    assert ages["vendor",] == 0
    change(database, held, lease_until=db_now(-300))
    assert 300 <= told("clonepipe_oldest_runnable_job_age_seconds")["audio",] < 1000


def test_slots_of_workers_that_are_there(database: Database, told: Callable[[str], Told]) -> None:
    for name, queues in (("one", [Queue.AUDIO]), ("two", [Queue.AUDIO, Queue.VENDOR])):
        with database.write() as session:
            jobs.note_presence(session, name, queues, 4)
    assert told("clonepipe_worker_slots") == {("audio",): 8, ("vendor",): 4, ("callback",): 0}


def test_endpoints_that_nobody_serves_and_how_long_they_wait(database: Database, told: Callable[[str], Told]) -> None:
    assert told("clonepipe_oldest_due_delivery_age_seconds") == {(): 0}
    with database.write() as session:
        for number, lease_until in enumerate((None, db_now(60))):
            session.add(
                WebhookEndpoint(
                    id=f"whe_{number}", account_id=MAIN_ACCOUNT, kind=EndpointKind.ENDPOINT, url="https://example.com",
                    is_active=True, next_due_at=db_now(-200), announce_at=db_now(), lease_until=lease_until,
                    created_at=db_now(), updated_at=db_now(),
                )
            )  # fmt: skip
    assert told("clonepipe_due_webhook_endpoints") == {(): 1}
    assert 200 <= told("clonepipe_oldest_due_delivery_age_seconds")[()] < 1000


def test_a_gate_that_is_shut_and_one_that_is_not(database: Database, told: Callable[[str], Told]) -> None:
    assert told("clonepipe_vendor_gate_closed") == {("sandbox", "", "OPEN"): 0}
    with database.write() as session:
        gates.pause(session, "sandbox", VendorAuth("The key was refused."))
    assert told("clonepipe_vendor_gate_closed") == {("sandbox", "", VendorAuth.code): 1}


def test_who_asks_soon_again_is_told_the_same(
    database: Database, sandbox: Vendor, new_clone: NewClone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "KEPT_S", 3600.0)
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *words: asked.append(words[2]))
    made = Tally(database, [sandbox])
    made.collect()
    once = len(asked)
    assert 0 < once <= 6
    new_clone()
    asked.clear()
    assert sum(values(made.collect(), "clonepipe_jobs").values()) == 0
    assert asked == []


def test_a_database_that_is_away_is_told_and_nothing_else(sandbox: Vendor) -> None:
    away = Database("postgresql+psycopg://nobody:x@127.0.0.1:9/nothing")
    families = Tally(away, [sandbox]).collect()
    assert [family.name for family in families] == ["clonepipe_database_up"]
    assert values(families, "clonepipe_database_up") == {(): 0}
