"""From a demand to what it takes: replicas, database, storage, and what the vendors allow.

Every figure follows from `measured.json`, the requests of the manifests and the assumptions that are named here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from statistics import fmean
from typing import Final

from tests.capacity.measured import OURS, CloneCost, Kind, Measured
from tests.capacity.prices import BUENA, S3_STANDARD
from tests.deploy.manifests import container_of, of_kind

DAY_S: Final = 86_400.0
LENGTHS: Final = {10: 0.30, 60: 0.60, 600: 0.09, 3600: 0.01}  # the share of each length in seconds
NOISY: Final = 0.5
PEAK: Final = 3.0  # the busiest hour over the mean of the day
BUSY: Final = 0.7  # what processors are planned to be used to in that hour: queues grow long above it
DATABASE_CORES: Final = 32  # one server, half of it for what is not measured here: vacuum, backups, replicas
DATABASE_BUSY: Final = 0.5
KEEP_DAYS: Final = 30  # for how long recordings are planned to be kept
_CONNECTIONS: Final = 8  # of a process, beside one for each of its threads
_SCALED: Final = tuple(name for name in OURS if name != "relay")


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean clone of a mix of recordings."""

    cpu_s: Mapping[str, float]
    s3_requests: Mapping[str, float]
    kept_bytes: float
    commits: float
    messages: float
    vendor_calls: float
    webhooks: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a number of clones a day takes, in its busiest hour unless it says otherwise.

    Attributes:
        cells: Deployments beside each other, each with a database of its own and its share of the accounts.
        replicas: Of each process, of all cells together.
        database_cores: That all databases are busy with.
        kept_bytes: What storage holds once as much is deleted as comes.
        buena_keys: Keys that Buena's limit of calls a day would ask for, were all clones made there.
    """

    clones_per_day: int
    peak_per_s: float
    cells: int
    replicas: Mapping[str, int]
    cores: float
    database_cores: float
    commits_per_s: float
    connections: int
    database_bytes_per_day: float
    puts_per_s: float
    gets_per_s: float
    kept_bytes: float
    storage_dollars_per_month: float
    messages_per_s: float
    webhooks_per_s: float
    buena_keys: int
    cell_peak_per_s: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cell_peak_per_s", self.peak_per_s / self.cells)


def shares(measured: Measured) -> dict[Kind, float]:
    """Return how much of the demand is of each kind that was measured."""
    return {kind: LENGTHS[kind.length_s] * (NOISY if kind.noisy else 1 - NOISY) for kind in measured.kinds}


def mean(measured: Measured) -> Mean:
    """Return the mean clone of the demand."""
    weights = shares(measured)

    def over(value: Mapping[Kind, float]) -> float:
        return sum(weights[kind] * value[kind] for kind in weights)

    def each(of: str) -> float:
        return over({kind: fmean(getattr(one, of) for one in measured.of(kind)) for kind in weights})

    def keyed(of: str, names: Iterable[str]) -> dict[str, float]:
        return {name: over({k: _mean_of(measured.of(k), of, name) for k in weights}) for name in names}

    return Mean(
        keyed("cpu_s", (*OURS, "database", "broker", "storage")),
        keyed("s3_requests", ("PUT", "POST", "GET", "LIST", "DELETE")),
        each("kept_bytes"), each("commits"), each("messages"), each("vendor_calls"), each("webhooks"),
    )  # fmt: skip


def _mean_of(clones: Iterable[CloneCost], of: str, name: str) -> float:
    return fmean(getattr(clone, of).get(name, 0) for clone in clones)


def planned(measured: Measured, clones_per_day: int) -> Plan:
    """Return what a demand takes."""
    one, peak_per_s = mean(measured), clones_per_day / DAY_S * PEAK
    database_cores = peak_per_s * one.cpu_s["database"]
    cells = max(1, ceil(database_cores / (DATABASE_CORES * DATABASE_BUSY)))
    replicas = {name: max(2, ceil(peak_per_s * one.cpu_s[name] / (requested_cores(name) * BUSY))) for name in _SCALED}
    replicas["relay"] = 2 * cells
    puts = sum(one.s3_requests[verb] for verb in ("PUT", "POST", "LIST"))
    kept_bytes = clones_per_day * KEEP_DAYS * one.kept_bytes
    return Plan(
        clones_per_day, peak_per_s, cells, replicas,
        sum(requested_cores(name) * count for name, count in replicas.items()),
        database_cores, peak_per_s * one.commits,
        sum(count * (threads(name) + _CONNECTIONS) for name, count in replicas.items()),
        clones_per_day * measured.growth.clone_bytes,
        peak_per_s * puts, peak_per_s * one.s3_requests["GET"], kept_bytes,
        clones_per_day * 30 * (puts * S3_STANDARD.put + one.s3_requests["GET"] * S3_STANDARD.get)
        + kept_bytes / 1e9 * S3_STANDARD.gb_month,
        peak_per_s * one.messages, peak_per_s * one.webhooks,
        ceil(clones_per_day * one.vendor_calls / BUENA.per_day),
    )  # fmt: skip


def requested_cores(name: str) -> float:
    """Return the processors that a pod of a process asks its node for."""
    asked = str(container_of(of_kind("large", "Deployment")[name])["resources"]["requests"]["cpu"])
    return float(asked.removesuffix("m")) / 1000 if asked.endswith("m") else float(asked)


def threads(name: str) -> int:
    """Return how much a worker does at once; an API or a relay is counted by its connections alone."""
    written = container_of(of_kind("large", "Deployment")[name]).get("env", ())
    found = [entry["value"] for entry in written if entry["name"] == "CLONEPIPE_WORKER_THREADS"]
    return int(found[0]) if found else 0
