"""The measurement: one clone after the other with the meters read between them, then a crowd of them at once."""

import json
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy import create_engine, func, select, text

from shared.db.models import Base, Delivery
from shared.states import DeliveryState
from tests.bench import machine
from tests.capacity import meters, recordings
from tests.capacity.measured import CloneCost, Crowd, Growth, Kind, Measured
from tests.deploy.site import Site
from tests.processes import until

_TRAINING_S: Final = 10.5  # Buena's typical 210 s on the site's clock: looked at as often as there
_WITHIN_S: Final = 1800.0
_SETTLE_S: Final = 1.5  # PostgreSQL's own counters are a second late
_IDLE_S: Final = 60.0
_CLIENTS: Final = 8
_WARM_KINDS: Final = 2  # the first ones: clean and noisy

SHORT, MINUTE = Kind(10, False, "flac"), Kind(60, False, "flac")


@dataclass(frozen=True, slots=True)
class Programme:
    """What is measured: how often each kind, how many in the crowd, how many before it, and how long nothing."""

    kinds: tuple[tuple[Kind, int], ...]
    warm_up: int
    crowd: int
    idle_s: float


WHOLE: Final = Programme(
    (
        (SHORT, 7), (Kind(10, True, "flac"), 7),
        (MINUTE, 7), (Kind(60, True, "flac"), 7),
        (Kind(600, False, "mp3"), 3), (Kind(600, True, "mp3"), 3),
        (Kind(3600, False, "mp3"), 1), (Kind(3600, True, "mp3"), 1),
    ),
    15, 120, _IDLE_S,
)  # fmt: skip
QUICK: Final = Programme(((SHORT, 1), (Kind(10, True, "flac"), 1), (Kind(60, True, "flac"), 1)), 2, 4, 5.0)


def run(site: Site, programme: Programme, folder: Path) -> Measured:
    """Measure everything; what is under way is said."""
    site.vendor.training_s = _TRAINING_S
    files = {kind: recordings.made(kind, folder) for kind, _ in programme.kinds}
    _say(f"warming up {programme.warm_up} times")  # libraries loaded, code compiled, connections open
    for kind, _ in programme.kinds[:_WARM_KINDS]:
        _crowd(site, files[kind], f"warm-{kind.noisy}", programme.warm_up)
    before = meters.read(site)
    time.sleep(programme.idle_s)
    idle = meters.read(site).since(before)
    with meters.watched(site) as memory:
        clones = [
            _one(site, kind, files[kind], f"{kind.length_s}-{kind.noisy}-{number}", idle)
            for kind, times in programme.kinds
            for number in range(times)
        ]
        growth, crowd = _growth(site, files[SHORT], programme.crowd, idle)
    idle_cores = {part: round(spent / idle.at_s, 4) for part, spent in idle.cpu_s.items()}
    day = datetime.now(UTC).date().isoformat()
    return Measured(machine.description(), day, idle_cores, tuple(clones), memory, growth, crowd)


def _one(site: Site, kind: Kind, file: Path, number: str, idle: meters.Reading) -> CloneCost:
    kept_before, before = sum(site.objects().values()), meters.read(site)
    clone_id = site.order(number, file)
    _await_quiet(site)
    took_s = time.monotonic() - before.at_s
    time.sleep(_SETTLE_S)
    spent = meters.read(site).since(before).less(idle)
    kept_bytes = sum(site.objects().values()) - kept_before
    found = CloneCost(
        kind, file.stat().st_size, kept_bytes, round(took_s, 2), spent.cpu_s, _stages_s(site, clone_id),
        spent.s3_requests, spent.commits, spent.messages, spent.vendor_calls, spent.webhooks,
    )  # fmt: skip
    _say(f"{number}: {took_s:.1f} s, " + ", ".join(f"{part} {cpu_s:.2f}" for part, cpu_s in spent.cpu_s.items()))
    return found


def _await_quiet(site: Site) -> None:
    """Wait until every clone has ended and every webhook was taken."""

    def is_quiet() -> bool:
        waiting = [row.state for row in site.rows(Delivery.state) if row.state is not DeliveryState.DELIVERED]
        return site.ended() == len(site.made) and not waiting

    assert until(is_quiet, _WITHIN_S, 0.25)


def _stages_s(site: Site, clone_id: str) -> dict[str, tuple[float, ...]]:
    """Return how long each run of each stage took, by the workers' own log."""
    found: dict[str, list[float]] = defaultdict(list)
    for line in map(json.loads, site.project.events("stage_ended")):
        if line["clone"] == clone_id:
            found[line["stage"]].append(line["duration_s"])
    return {stage: tuple(runs) for stage, runs in found.items()}


def _crowd(site: Site, file: Path, name: str, count: int) -> float:
    """Order so many at once, from a few clients; return the seconds until the last is ready."""
    began_s = time.monotonic()
    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(lambda number: site.order(f"{name}-{number}", file), range(count)))
    _await_quiet(site)
    return time.monotonic() - began_s


def _growth(site: Site, file: Path, count: int, idle: meters.Reading) -> tuple[Growth, Crowd]:
    tables_before, log_before, before = _table_bytes(site), _log_position(site), meters.read(site)
    took_s = _crowd(site, file, "crowd", count)
    time.sleep(_SETTLE_S)
    spent = meters.read(site).since(before).less(idle)
    log_bytes = _log_position(site) - log_before
    tables = {table: size - tables_before[table] for table, size in _table_bytes(site).items()}
    _say(f"{count} at once: {took_s:.0f} s, {sum(tables.values()) / count:.0f} bytes of the database each")
    cores = psutil.cpu_count() or 1
    return Growth(count, tables, log_bytes), Crowd(SHORT, count, round(took_s, 1), spent.cpu_s, cores)


def _table_bytes(site: Site) -> dict[str, int]:
    engine = create_engine(site.database.engine.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM"))
        sizes = {table: select(func.pg_total_relation_size(table)) for table in Base.metadata.tables}
        found = {table: int(connection.execute(size).scalar_one()) for table, size in sizes.items()}
    engine.dispose()
    return found


def _log_position(site: Site) -> int:
    with site.database.engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")).scalar_one())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
