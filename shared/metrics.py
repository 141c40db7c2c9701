"""Every figure that clonepipe tells Prometheus, in one list: what it is called, what it counts and who tells it.

Labels are words of ours: stages, queues, vendors, codes. No id, no account, nothing that a client sent. A process
counts what it does itself; gauges of what the database knows are declared here and filled by `shared.tally`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.states import QUEUE_OF

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
API, RELAY, WORKER = PROCESSES = ("api", "relay", "worker")
_STAGE_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_CALL_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list. `who`: the processes that tell it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    what: str
    who: tuple[str, ...]

    @property
    def series(self) -> tuple[str, ...]:
        """The names that can be asked for."""
        if self.kind == "histogram":
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)


LIST: Final[dict[str, Listed]] = {}
REGISTRY: Final = CollectorRegistry()
disable_created_metrics()  # type: ignore[no-untyped-call]  # a time of birth beside every counter tells nobody anything
ProcessCollector(registry=REGISTRY)  # process_resident_memory_bytes and its like, where there is a /proc


def _list(name: str, kind: str, labels: tuple[str, ...], what: str, who: tuple[str, ...]) -> None:
    LIST[name] = Listed(name, kind, labels, what, who)


def _counter(name: str, who: tuple[str, ...], what: str, *labels: str) -> Counter:
    _list(name, "counter", labels, what, who)
    return Counter(name, what, labels, registry=REGISTRY)


def _counter_by_queue(name: str, who: tuple[str, ...], what: str) -> Counter:
    """Return a counter that begins at 0 for the queues of jobs: what appears with its first 1 has not risen."""
    counter = _counter(name, who, what, "queue")
    for queue in sorted(set(QUEUE_OF.values())):
        counter.labels(queue)
    return counter


def _gauge(name: str, who: tuple[str, ...], what: str, *labels: str) -> Gauge:
    _list(name, "gauge", labels, what, who)
    return Gauge(name, what, labels, registry=REGISTRY)


def _histogram(name: str, who: tuple[str, ...], what: str, buckets: Sequence[float], *labels: str) -> Histogram:
    _list(name, "histogram", labels, what, who)
    return Histogram(name, what, labels, buckets=buckets, registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class Told:
    """A gauge whose values are read from the database at each scrape."""

    name: str
    labels: tuple[str, ...]
    what: str

    def family(self, values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
        family = GaugeMetricFamily(self.name, self.what, labels=self.labels)
        for labels, value in values:
            family.add_metric(labels, value)
        return family


def _told(name: str, what: str, *labels: str) -> Told:
    _list(name, "gauge", labels, what, (RELAY, API))
    return Told(name, labels, what)


DATABASE_UP: Final = _told("clonepipe_database_up", "Whether the database answered this scrape; 0 leaves out the rest")
JOBS: Final = _told(
    "clonepipe_jobs",
    "Live jobs; status: due, running, expired (its holder is gone), scheduled, or what it waits for",
    "stage", "status",
)  # fmt: skip
OLDEST_JOB: Final = _told(
    "clonepipe_oldest_runnable_job_age_seconds", "How long the job has waited that waits longest for a worker", "queue"
)
WORKER_SLOTS: Final = _told("clonepipe_worker_slots", "Slots of the workers seen in the last 45 s", "queue")
DUE_ENDPOINTS: Final = _told(
    "clonepipe_due_webhook_endpoints", "Endpoints that are due something and that no worker has in hand"
)
OLDEST_DELIVERY: Final = _told(
    "clonepipe_oldest_due_delivery_age_seconds", "How long the delivery has waited that waits longest for a worker"
)
GATES: Final = _told(
    "clonepipe_vendor_gate_closed",
    "1 while a vendor, or one engine of it, is not called; code: why, or OPEN (and 0)",
    "vendor", "engine", "code",
)  # fmt: skip

RELAY_LAG: Final = _gauge("clonepipe_relay_lag_seconds", (RELAY,), "How long ago the relay's last whole round was")
BROKER_UP: Final = _gauge("clonepipe_broker_up", (RELAY,), "Whether the broker took the relay's last round")
ANNOUNCED: Final = _counter_by_queue("clonepipe_jobs_announced_total", (RELAY,), "Jobs that the relay rang for")
LEASE_EXPIRIES: Final = _counter_by_queue(
    "clonepipe_lease_expiries_total", (RELAY,), "Jobs rung for because their holder's lease ran out"
)
RESCUES: Final = _counter_by_queue(
    "clonepipe_rescues_total", (RELAY,), "Jobs rung for again because nobody took them in time"
)

STAGES: Final = _histogram(
    "clonepipe_stage_duration_seconds", (WORKER,),
    "How long runs of stages took; ending: advance, rest, finished, handed_back, lost, error or crash",
    _STAGE_BUCKETS_S, "stage", "ending",
)  # fmt: skip
STAGE_ERRORS: Final = _counter(
    "clonepipe_stage_errors_total",
    (WORKER,),
    "Runs of stages that an error ended, for now or for good",
    "stage",
    "code",
)
JOBS_ENDED: Final = _counter(
    "clonepipe_jobs_ended_total", (WORKER,), "Jobs that ended in a worker; outcome: done or failed", "kind", "outcome"
)
VENDOR_CALLS: Final = _histogram(
    "clonepipe_vendor_request_duration_seconds", (WORKER, API),
    "Requests to vendors; status: 2xx to 5xx, or none where no answer came",
    _CALL_BUCKETS_S, "vendor", "status",
)  # fmt: skip
VENDOR_ERRORS: Final = _counter(
    "clonepipe_vendor_errors_total", (WORKER, API), "Calls to vendors that came to nothing", "vendor", "code"
)
DELIVERIES: Final = _counter(
    "clonepipe_delivery_attempts_total", (WORKER,), "Attempts at webhooks; outcome: accepted, or why not", "outcome"
)
UPLOADED: Final = _counter("clonepipe_upload_bytes_total", (API,), "Bytes of recordings that were received")


class _All:
    """What a process tells: its own part of the list, how the process itself is, and what these collectors add."""

    def __init__(self, process: str, collectors: Sequence[Collector]) -> None:
        self._process = process
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        for family in REGISTRY.collect():
            listed = LIST.get(family.name) or LIST.get(f"{family.name}_total")  # a family of counters has no ending
            if listed is None or self._process in listed.who:
                yield family
        for collector in self._collectors:
            yield from collector.collect()


def page(process: str, *collectors: Collector) -> bytes:
    """Return the figures of one of PROCESSES, and those of `collectors`, in Prometheus' text format."""
    return generate_latest(_All(process, collectors))
