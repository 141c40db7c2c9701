"""How fast status polls are answered, each for a clone of its own, against a bare Starlette JSON response.

Every poller asks for another clone, so nothing that remembers a few answers can help: ids are drawn uniformly from all.
The floor answers a body of the same size, made anew each time, under the same server settings, and looks nothing up.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shared import clones
from shared.clones import NewClone, NewSample
from shared.db.engine import Database
from shared.db.models import Base, Clone, Event, Job, Sample
from shared.ids import CLONE, SAMPLE, new_id
from shared.keys import MAIN_ACCOUNT
from tests.bench.machine import cpu_of
from tests.bench.poller import Polled
from tests.bench.rounds import ROUNDS, Reading, Subject, Table, compare, interleave
from tests.bench.service import HOUSE, KEY, Server, running_api, running_bare
from tests.databases import postgres_server

IDS = 10_000
QUICK_IDS = 1_000
BATCH = 2_000
CLIENTS = 32
TURN_S = 2.0
QUICK_TURN_S = 1.0
COLUMNS = ("polls/s", "CPU us/poll", "p50 ms", "p99 ms")
FLOOR = "floor: bare Starlette"


def run(quick: bool = False) -> list[Table]:
    """Compare on SQLite and, but for a quick look, on PostgreSQL."""
    ids = QUICK_IDS if quick else IDS
    turn_s = QUICK_TURN_S if quick else TURN_S
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _services(Path(folder), ids, quick) as services:
        first = next(iter(services))
        body = _one_answer(*services[first])
        with running_bare(Path(folder) / "bare", body) as bare:
            paths = services[first][1]
            subjects = [Subject(FLOOR, lambda: _polled(bare, paths, turn_s))]
            for name, (server, own) in services.items():
                subjects.append(Subject(name, partial(_polled, server, own, turn_s), FLOOR))
            readings = interleave(subjects, ROUNDS)
    notes = (
        f"an answer has {len(body)} bytes; CPU is the API's process alone, without the client's and the database's",
        "the client takes a core of its own: on two cores PostgreSQL's processes share with it",
    )
    title = f"polling {ids} different ids by {CLIENTS} clients for {turn_s:g} s a turn"
    return [compare(title, COLUMNS, subjects, readings, notes)]


@contextmanager
def _services(folder: Path, ids: int, quick: bool) -> Iterator[dict[str, tuple[Server, list[str]]]]:
    """Run an API over each database, filled; give it with the paths to ask for."""
    with running_api(folder / "sqlite") as on_sqlite:
        paths = _fill(f"sqlite:///{folder / 'sqlite' / 'clonepipe.db'}", ids)
        found = {"clonepipe on SQLite": (on_sqlite, paths)}
        if quick:
            yield found
            return
        with postgres_server() as postgres:
            url = postgres.new_database()
            with running_api(folder / "postgresql", database_url=url) as on_postgresql:
                yield found | {"clonepipe on PostgreSQL": (on_postgresql, _fill(url, ids))}


def _fill(url: str, count: int) -> list[str]:
    """Create one clone as the API does, and write copies of its rows with ids of their own; return all paths."""
    database = Database(url)
    new = _clone()
    with database.write() as session:
        job_id = clones.create(session, new, max_clones=0, training_typical_s=4.0)
    own = {"clone_id": new.id, "job_id": job_id}
    made = [new.id, *(new_id(CLONE) for _ in range(count - 1))]
    for begin in range(1, count, BATCH):
        with database.write() as session:
            for model in (Clone, Sample, Job, Event):
                _copy(session, model, own, made[begin : begin + BATCH])
    database.dispose()
    return [f"/api/v2/voice-clones/{clone_id}" for clone_id in made]


def _copy(session: Session, model: type[Base], own: dict[str, str], clone_ids: list[str]) -> None:
    """Copy the row of the first clone for each of these; what names a row of it names theirs instead."""
    table = model.__table__
    key = table.c.id if model is Clone else table.c.clone_id
    pattern = dict(session.execute(select(table).where(key == own["clone_id"])).one()._mapping)
    rows = []
    for clone_id in clone_ids:
        job_id = clone_id.replace("vc_", "job_")
        names = {own["clone_id"]: clone_id, own["job_id"]: job_id, pattern.get("object_key"): f"samples/{clone_id}"}
        row = {name: names.get(value, value) if isinstance(value, str) else value for name, value in pattern.items()}
        if model is Sample:
            row["id"] = clone_id.replace("vc_", "smp_")
        rows.append(row)
    session.execute(insert(model), rows)


def _clone() -> NewClone:
    key = f"samples/2026-11-20/{MAIN_ACCOUNT}/bench/original"
    sample = NewSample(new_id(SAMPLE), "bench.wav", "audio/wav", "wav", 1_000_000, "0" * 64, key)
    return NewClone(new_id(CLONE), MAIN_ACCOUNT, "Bench", "sandbox", "default", (sample,))


def _one_answer(server: Server, paths: list[str]) -> bytes:
    answer = httpx.get(server.url + paths[0], headers={"x-api-key": KEY}, trust_env=False)
    json.loads(answer.raise_for_status().content)
    return answer.content


def _polled(server: Server, paths: list[str], turn_s: float) -> Reading:
    """Poll a server for one turn from another process."""
    command = [sys.executable, "-m", "tests.bench.poller", str(server.port), str(CLIENTS), str(turn_s)]
    with cpu_of(server.pid) as used:
        told = subprocess.run(command, input="\n".join(paths).encode(), cwd=HOUSE, stdout=subprocess.PIPE, check=True)
    polled = Polled(**json.loads(told.stdout))
    return polled.per_s, used.cpu_s / polled.answers * 1e6, polled.p50_ms, polled.p99_ms
