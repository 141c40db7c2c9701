"""The most memory that one large upload costs: the API's peak over what it holds when idle.

Each turn is a process of its own, because buffers are kept once they are made: a second upload would look free. What
is resident after a small upload counts as idle, so that what is loaded at first use is not blamed on size.
"""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.bench.intake import TARGET
from tests.bench.machine import can_tell_peaks, peak_mb, reset_peak
from tests.bench.rounds import ROUNDS, Reading, Subject, Table, compare, interleave
from tests.bench.service import KEY, Server, running_api, running_bare, running_sink, s3_settings
from tests.bench.upload import Order, send_all

FILE_BYTES = 50_000_000
ORDER = Order(10, FILE_BYTES)
SMALL = Order(1, 10_000)
COLUMNS = ("peak over idle MB", "idle MB")
NOTES = ("VmHWM, reset by clear_refs, less VmRSS after an upload of 10 kB; a new process each time",)


def run(quick: bool = False) -> list[Table]:
    """Measure both storages; nothing where the system keeps no peaks."""
    if not can_tell_peaks():
        return []
    with tempfile.TemporaryDirectory(prefix="bench-") as path:
        folder = Path(path)
        with running_sink(folder / "sink") as sink:
            subjects = (
                Subject("floor: ASGI drain", _turn(folder, running_bare)),
                Subject("clonepipe to S3", _turn(folder, lambda own: running_api(own, **s3_settings(sink)))),
                Subject("clonepipe to a folder", _turn(folder, running_api)),
            )
            readings = interleave(subjects, 1 if quick else ROUNDS, warm_up=lambda subject: None)
    return [compare(f"memory of an upload of {ORDER.title}", COLUMNS, subjects, readings, NOTES)]


def _turn(folder: Path, start: Callable[[Path], AbstractContextManager[Server]]) -> Callable[[], Reading]:
    def measure() -> Reading:
        with tempfile.TemporaryDirectory(dir=folder) as own, start(Path(own)) as server:
            send_all(server.port, TARGET, KEY, SMALL)
            idle_mb = reset_peak(server.pid)
            send_all(server.port, TARGET, KEY, ORDER)
            return peak_mb(server.pid) - idle_mb, idle_mb

    return measure
