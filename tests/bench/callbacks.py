"""How soon 1,000 webhooks reach 20 endpoints, one of which hangs, against the same requests by a bare client.

The courier of a worker runs in this process over SQLite, and is rung for with each commit, as the doorbell does; the
receiver is a process of its own. The floor sends as many bodies to the same addresses with httpx, eight at once to
each, from memory: no rows, no signatures, no journal.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import httpx
from sqlalchemy import func, select

from shared import clones, keys
from shared.db.migrate import upgrade
from shared.db.models import Delivery
from shared.keys import MAIN_ACCOUNT
from shared.services import Services
from shared.settings import Settings
from shared.states import DeliveryState
from shared.webhooks import endpoints
from shared.webhooks.endpoints import NewEndpoint
from tests import hooks
from tests.bench.rounds import ROUNDS, Reading, Subject, Table, compare, interleave
from tests.conftest import an_order
from tests.hooks import Receiver
from worker.callbacks.courier import Courier

ENDPOINTS: Final = 20
EVENTS, QUICK_EVENTS = 50, 10
AT_ONCE: Final = 8
COLUMNS = ("s for all", "p50 ms", "p95 ms")
FLOOR, COURIER = "floor: httpx, nothing kept", "clonepipe: written, signed, told, settled"
NOTES = (
    "one endpoint of 20 never answers and is not counted; the others are told everything",
    "ms are from the commit that tells of the event (floor: from the start) to the receiver's clock",
)


@dataclass(frozen=True, slots=True)
class Field:
    """A service with its courier, and a receiver."""

    services: Services
    receiver: Receiver


def run(quick: bool = False) -> list[Table]:
    """Compare telling with sending."""
    events = QUICK_EVENTS if quick else EVENTS
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _field(Path(folder)) as field:
        subjects = [
            Subject(FLOOR, lambda: _floor(field, events)),
            Subject(COURIER, lambda: _told(field, events), FLOOR),
        ]
        readings = interleave(subjects, 1 if quick else ROUNDS)
    return [compare(f"{events * ENDPOINTS:,} webhooks to {ENDPOINTS} endpoints", COLUMNS, subjects, readings, NOTES)]


@contextmanager
def _field(folder: Path) -> Iterator[Field]:
    services = Services.open(Settings(data_dir=folder, allow_private_webhooks=True))
    upgrade(services.database)
    keys.ensure_bootstrap(services.database, None)
    with hooks.receiver() as receiver:
        for number in range(ENDPOINTS):
            new = NewEndpoint(receiver.url("hang" if number == 0 else "204", f"e{number}"))
            with services.database.write() as session:
                endpoints.create(session, services.vault, MAIN_ACCOUNT, new)
        courier = Courier(services)
        courier.start()
        services.database.listener = lambda news: [courier.take(one) for one in news.endpoints] and None
        yield Field(services, receiver)
        courier.close()
    services.database.dispose()


def _told(field: Field, events: int) -> Reading:
    before, began_s = len(field.receiver.ledger()), time.time()
    delivered = _delivered(field)
    for _ in range(events):
        with field.services.database.write() as session:
            clones.create(session, an_order(), max_clones=0, training_typical_s=1)
    while _delivered(field) < delivered + events * (ENDPOINTS - 1):
        time.sleep(0.02)
    took_s = time.time() - began_s
    return _reading(took_s, field.receiver.ledger()[before:], None)


def _delivered(field: Field) -> int:
    with field.services.database.read() as session:
        told = select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.DELIVERED)
        return session.scalar(told) or 0


def _floor(field: Field, events: int) -> Reading:
    body = json.dumps({"type": "floor", "timestamp": "", "data": {"filling": "x" * 1_200}})

    async def send_to(client: httpx.AsyncClient, number: int) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with room:
                await client.post(field.receiver.url("204", f"floor{number}"), content=body)

        await asyncio.gather(*(one() for _ in range(events)))

    async def send() -> None:
        limits = httpx.Limits(max_connections=AT_ONCE * ENDPOINTS)
        async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=60) as client:
            await asyncio.gather(*(send_to(client, number) for number in range(1, ENDPOINTS)))

    before, began_s = len(field.receiver.ledger()), time.time()
    asyncio.run(send())
    return _reading(time.time() - began_s, field.receiver.ledger()[before:], began_s)


def _reading(took_s: float, entries: list[dict[str, Any]], began_s: float | None) -> Reading:
    waits_s = [entry["at"] - (began_s or _written_s(entry)) for entry in entries if entry["path"].startswith("/204/")]
    parts = quantiles(waits_s, n=100)
    return took_s, parts[49] * 1000, parts[94] * 1000


def _written_s(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(json.loads(entry["body"])["timestamp"]).timestamp()
