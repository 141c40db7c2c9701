"""What the figures were measured on, and what a process has used of it: CPU seconds and peak memory."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

VERSIONS = ("uvicorn", "uvloop", "httptools", "starlette", "fastapi", "sqlalchemy", "psycopg", "boto3", "celery")
BUSY_LOAD = 0.5  # runnable processes of others
BUSY = ": others are at work here, read the ratios and their spreads, not the absolute figures"
CLEAR_PEAK = "5"  # /proc/PID/clear_refs: set the peak to what is resident now (man proc_pid_clear_refs)


def description() -> dict[str, str]:
    """Return the machine line's facts."""
    load, *_ = os.getloadavg()
    return {
        "machine": f"{os.cpu_count()} x {_processor()}, {psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": " ".join(f"{name} {metadata.version(name)}" for name in VERSIONS),
        "load": f"{load:.1f} before the first measurement" + (BUSY if load > BUSY_LOAD else ""),
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@dataclass(slots=True)
class Used:
    """CPU seconds that a process used during a block, user and system, told in steps of 10 ms."""

    cpu_s: float = 0.0


@contextmanager
def cpu_of(pid: int) -> Iterator[Used]:
    """Count a process's CPU time over a block."""
    process, used = psutil.Process(pid), Used()
    before_s = _cpu_s(process)
    yield used
    used.cpu_s = _cpu_s(process) - before_s


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def can_tell_peaks() -> bool:
    """Tell whether this system keeps a peak per process that can be reset."""
    return sys.platform == "linux"


def reset_peak(pid: int) -> float:
    """Begin a new peak; return what is resident now, in MB."""
    Path(f"/proc/{pid}/clear_refs").write_text(CLEAR_PEAK)
    return _status_mb(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """Return the most that was resident since `reset_peak`, in MB."""
    return _status_mb(pid, "VmHWM")


def _status_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(name)
