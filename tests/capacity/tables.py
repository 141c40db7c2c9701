"""The tables of deploy/README.md that are made from what was measured and planned."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from shared.states import Queue
from tests.capacity.day import DEMANDS, course, most_workers
from tests.capacity.measured import OURS, PARTS, Kind, load
from tests.capacity.plan import planned

_MB: Final = 1e6
_KEPT: Final = {
    "deliveries": "30 days", "delivery_attempts": "30 days", "vendor_calls": "30 days", "idempotency_keys": "a day",
}  # fmt: skip


def costs_table() -> str:
    """Return what a clone costs, by its recording."""
    head = [
        "recording",
        "stored",
        "ready after",
        *(f"`{part}`" for part in PARTS),
        "clones a core-hour of `worker-audio`",
    ]
    return _table(head, map(_cost_row, load().kinds))


def _cost_row(kind: Kind) -> list[str]:
    measured = load()
    clones = measured.of(kind)
    audio_s = measured.cpu_s(kind, ["worker-audio"])
    return [
        f"{_length(kind.length_s)}, {'noisy' if kind.noisy else 'clean'} ({kind.container})",
        f"{median(one.kept_bytes for one in clones) / _MB:,.1f} MB",
        f"{median(one.took_s for one in clones):,.0f} s",
        *(f"{measured.cpu_s(kind, [part]):.2f}" for part in PARTS),
        f"{3600 / audio_s:,.0f}",
    ]


def _length(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"


def counts_table() -> str:
    """Return what a clone asks of the servers, whatever its length, and what depends on it."""
    measured = load()
    head = ["recording", "commits", "messages", "calls to the vendor", "webhooks", "S3 PUT", "POST", "GET"]

    def row(kind: Kind) -> list[str]:
        clones = measured.of(kind)
        whole = [
            median(getattr(one, of) for one in clones) for of in ("commits", "messages", "vendor_calls", "webhooks")
        ]
        verbs = [median(one.s3_requests.get(verb, 0) for one in clones) for verb in ("PUT", "POST", "GET")]
        return [_length(kind.length_s), *(f"{count:,.0f}" for count in (*whole, *verbs))]

    return _table(head, (row(kind) for kind in measured.kinds if not kind.noisy))


def memory_table() -> str:
    """Return what a container of each part holds and uses while nothing happens."""
    measured = load()
    rows = (
        [f"`{part}`", f"{held.idle_bytes / _MB:,.0f} MB", f"{held.peak_bytes / _MB:,.0f} MB",
         f"{measured.idle_cores[part] / (2 if part == 'relay' else 1):.3f}"]
        for part, held in measured.memory.items()
    )  # fmt: skip
    return _table(["process", "idle", "at most", "cores while idle"], rows)


def growth_table() -> str:
    """Return what a clone leaves in the database, by table, and for how long."""
    growth = load().growth
    largest = sorted(growth.tables.items(), key=lambda item: -item[1])
    rows = [
        [
            f"`{table}`",
            f"{size / growth.clones / 1000:.1f} kB",
            _KEPT.get(table, ""),
        ]
        for table, size in largest
        if size
    ]
    rows.append(["all", f"{growth.clone_bytes / 1000:.1f} kB", ""])
    rows.append(["write-ahead log", f"{growth.log_bytes / growth.clones / 1000:.1f} kB", ""])
    return _table(["table", "a clone", "deleted after"], rows)


def plan_table() -> str:
    """Return the plans, side by side."""
    plans = [planned(load(), demand) for demand in DEMANDS]
    rows: list[list[str]] = [
        ["clones a second in the busiest hour", *(f"{plan.peak_per_s:,.2f}" for plan in plans)],
        ["cells, each with its own database", *(f"{plan.cells}" for plan in plans)],
        *([f"`{name}`", *(f"{plan.replicas[name]:,}" for plan in plans)] for name in OURS),
        ["cores requested", *(f"{plan.cores:,.0f}" for plan in plans)],
        ["cores the databases are busy with", *(f"{plan.database_cores:,.2f}" for plan in plans)],
        ["commits a second", *(f"{plan.commits_per_s:,.0f}" for plan in plans)],
        ["database connections at most", *(f"{plan.connections:,}" for plan in plans)],
        ["the databases grow in a day by", *(f"{plan.database_bytes_per_day / 1e9:,.2f} GB" for plan in plans)],
        ["broker messages a second", *(f"{plan.messages_per_s:,.0f}" for plan in plans)],
        ["webhooks a second", *(f"{plan.webhooks_per_s:,.1f}" for plan in plans)],
        ["S3 writes / reads a second", *(f"{plan.puts_per_s:,.1f} / {plan.gets_per_s:,.1f}" for plan in plans)],
        ["S3 holds, of 30 days", *(f"{plan.kept_bytes / 1e12:,.2f} TB" for plan in plans)],
        ["S3 a month", *(f"${plan.storage_dollars_per_month:,.0f}" for plan in plans)],
        ["keys at Buena, were all made there", *(f"{plan.buena_keys:,}" for plan in plans)],
    ]
    return _table(["a day", *(f"{demand:,} clones" for demand in DEMANDS)], rows)


def day_table() -> str:
    """Return how the simulated day goes, by demand and queue."""
    head = [
        "clones a day", "queue", "planned, a cell", "KEDA's maximum", "KEDA's mean", "KEDA's most",
        "99 % wait less than", "oldest", "handed back",
    ]  # fmt: skip
    return _table(head, (_day_row(demand, queue) for demand in DEMANDS for queue in (Queue.AUDIO, Queue.VENDOR)))


def _day_row(demand: int, queue: Queue) -> list[str]:
    went, plan = course(demand, queue), planned(load(), demand)
    return [
        f"{demand:,}", f"`{queue}`", f"{plan.replicas[f'worker-{queue}'] / plan.cells:,.0f}",
        f"{most_workers(demand, queue)}", f"{went.mean_workers:,.1f}", f"{went.most_workers}",
        f"{went.wait_s(0.99):,.1f} s", f"{went.oldest_s:,.0f} s", f"{went.handed_back / len(went.waits_s):.2%}",
    ]  # fmt: skip


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
