"""What was measured: what one clone costs each part of a deployment, by the length of its recording."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final

from pydantic import TypeAdapter

OURS: Final = ("api", "relay", "worker-audio", "worker-vendor", "worker-callback")
SERVERS: Final = ("database", "broker", "storage")
PARTS: Final = (*OURS, *SERVERS)
PATH: Final = Path(__file__).with_name("measured.json")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of recording: what decides the cost of a clone."""

    length_s: int
    noisy: bool  # so much that it is denoised
    container: str


@dataclass(frozen=True, slots=True)
class CloneCost:
    """One clone, from the first byte of its upload to the last webhook, less what the parts use when idle.

    Attributes:
        cpu_s: Processor seconds, user and system, of each part with all its children.
        stages_s: How long each run of a stage took, in order; `track` runs once for each look at the training.
        s3_requests: By HTTP method, as the server counts them; HEAD is among GET.
        messages: What was put into the broker's queues.
        kept_bytes: What storage holds of it: the recording as it came, and what was made of it.
    """

    kind: Kind
    upload_bytes: int
    kept_bytes: int
    took_s: float
    cpu_s: Mapping[str, float]
    stages_s: Mapping[str, tuple[float, ...]]
    s3_requests: Mapping[str, int]
    commits: int
    messages: int
    vendor_calls: int
    webhooks: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Proportional resident memory of a part's processes, in bytes: idle, and the most of any moment."""

    idle_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Growth:
    """What a number of clones added to the database, its dead rows cleared away before and after.

    `tables`: heap, indexes and what is stored out of line, by table. `log_bytes`: write-ahead log.
    """

    clones: int
    tables: Mapping[str, int]
    log_bytes: int

    @property
    def clone_bytes(self) -> float:
        return sum(self.tables.values()) / self.clones


@dataclass(frozen=True, slots=True)
class Crowd:
    """Clones ordered all at once, of one kind: how long until the last was ready, and on how many cores at most."""

    kind: Kind
    clones: int
    took_s: float
    cpu_s: Mapping[str, float]
    cores: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything, and where and when."""

    machine: Mapping[str, str]
    day: str
    idle_cores: Mapping[str, float]
    clones: tuple[CloneCost, ...]
    memory: Mapping[str, Memory]
    growth: Growth
    crowd: Crowd

    def of(self, kind: Kind) -> tuple[CloneCost, ...]:
        return tuple(clone for clone in self.clones if clone.kind == kind)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(dict.fromkeys(clone.kind for clone in self.clones))

    def cpu_s(self, kind: Kind, parts: Iterable[str]) -> float:
        """Return the median of what some parts together spend on a clone."""
        return median(sum(clone.cpu_s[part] for part in parts) for clone in self.of(kind))


_MEASURED: Final = TypeAdapter(Measured)


@cache
def load() -> Measured:
    """Return what `make capacity` wrote last."""
    return _MEASURED.validate_json(PATH.read_bytes())


def save(measured: Measured) -> None:
    PATH.write_bytes(_MEASURED.dump_json(measured, indent=1) + b"\n")
