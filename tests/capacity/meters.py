"""The meters on a running site: processor time, requests to storage, commits, messages, calls and memory."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import httpx
import psutil
import redis
from sqlalchemy import text

from tests.capacity.measured import OURS, PARTS, Memory
from tests.deploy.site import Site

_S3_REQUESTS: Final = re.compile(r'^SeaweedFS_s3_request_total\{.*type="(\w+)"\} (\d+)', re.MULTILINE)
_SAMPLE_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Reading:
    """All meters at one moment, or the difference of two."""

    at_s: float
    cpu_s: Mapping[str, float]
    s3_requests: Mapping[str, int]
    commits: int
    messages: int
    vendor_calls: int
    webhooks: int

    def since(self, before: "Reading") -> "Reading":
        return Reading(
            self.at_s - before.at_s,
            {part: spent - before.cpu_s[part] for part, spent in self.cpu_s.items()},
            {verb: count - before.s3_requests.get(verb, 0) for verb, count in self.s3_requests.items()},
            self.commits - before.commits,
            self.messages - before.messages,
            self.vendor_calls - before.vendor_calls,
            self.webhooks - before.webhooks,
        )

    def less(self, idle: "Reading") -> "Reading":
        """Return this without what happens anyway: `idle` is a difference, over any time, of a site with no work."""
        share = self.at_s / idle.at_s

        def cleared(count: int, of_idle: int) -> int:
            return max(0, round(count - of_idle * share))

        return Reading(
            self.at_s,
            {part: max(0.0, round(spent - idle.cpu_s[part] * share, 4)) for part, spent in self.cpu_s.items()},
            {verb: cleared(count, idle.s3_requests.get(verb, 0)) for verb, count in self.s3_requests.items()},
            cleared(self.commits, idle.commits),
            cleared(self.messages, idle.messages),
            self.vendor_calls,
            self.webhooks,
        )


def read(site: Site) -> Reading:
    """Read all meters."""
    return Reading(
        time.monotonic(),
        {part: sum(map(_cpu_s, processes())) for part, processes in _trees(site).items()},
        _s3_requests(site),
        _commits(site),
        _messages(site),
        len(site.vendor.calls),
        len(site.hooks.ledger()),
    )


def _trees(site: Site) -> dict[str, Callable[[], list[psutil.Process]]]:
    """Return, for each part, what lists its processes: those of its containers or its server, and their children."""
    postmaster = int((site.postgres.folder / "postmaster.pid").read_text().split()[0])
    assert site.broker.process is not None
    roots = {name: [one.process.pid for one in site.project.containers[name]] for name in OURS}
    roots |= {"database": [postmaster], "broker": [site.broker.process.pid], "storage": [site.s3.process.pid]}
    return {part: lambda pids=roots[part]: [one for pid in pids for one in _tree(pid)] for part in PARTS}


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    """Return what a process has used, with its children that have ended."""
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _s3_requests(site: Site) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for verb, count in _S3_REQUESTS.findall(httpx.get(site.s3.metrics_url, trust_env=False).text):
        counts[verb] += int(count)
    return dict(counts)


def _commits(site: Site) -> int:
    statement = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    with site.database.engine.connect() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def _messages(site: Site) -> int:
    with redis.Redis(port=site.broker.port) as client:
        stats: dict[str, Any] = client.info("commandstats")
    return int(stats.get("cmdstat_lpush", {}).get("calls", 0))


class Sampler(threading.Thread):
    """Looks at the memory of our processes until it is told to stop, and keeps each part's most."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.peaks: dict[str, int] = dict.fromkeys(PARTS, 0)
        self._trees = _trees(site)
        self._enough = threading.Event()

    def run(self) -> None:
        while not self._enough.wait(_SAMPLE_EVERY_S):
            for part, processes in self._trees.items():
                self.peaks[part] = max(self.peaks[part], sum(map(_resident_bytes, processes())))

    def stop(self) -> None:
        self._enough.set()
        self.join()


def _resident_bytes(process: psutil.Process) -> int:
    """Return what a process holds, and its share of what it holds with others: forks share most of theirs."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return int(process.memory_full_info().pss)
    return 0


@contextmanager
def watched(site: Site) -> Iterator[dict[str, Memory]]:
    """Give what one container of each part holds; it is there when the block is done."""
    idle = {part: sum(map(_resident_bytes, processes())) for part, processes in _trees(site).items()}
    each = {part: len(site.project.containers.get(part, ())) or 1 for part in PARTS}
    found: dict[str, Memory] = {}
    sampler = Sampler(site)
    sampler.start()
    yield found
    sampler.stop()
    for part in PARTS:
        found[part] = Memory(idle[part] // each[part], max(idle[part], sampler.peaks[part]) // each[part])
