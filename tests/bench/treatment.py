"""One recording through the two passes over sound that a job makes, timed apart.

python -m tests.bench.treatment SOURCE auto|on|off      as a process of its own; prints the seconds of each pass
"""

import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

from tests.bench.machine import can_tell_peaks, peak_mb
from worker.audio.choose.planning import Target
from worker.audio.files.decoder import Decoder
from worker.audio.files.wire import DecodeLimits
from worker.audio.inspector import inspect
from worker.audio.preparation import prepare
from worker.audio.scratch import Shelf
from worker.audio.treat.prepared import Source, Wish

LIMITS = DecodeLimits(max_duration_s=4 * 3600.0, memory_bytes=768 * 1024 * 1024)
TARGET = Target(container="flac")
EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Passes:
    """Seconds of the analysis (`validate`) and of the treatment (`prepare`), and the CPU seconds of both together.

    Those count the decoding children, and are the steadier figure on a machine where others are at work.
    """

    analysis_s: float
    treatment_s: float
    cpu_s: float

    @property
    def total_s(self) -> float:
        return self.analysis_s + self.treatment_s


def treat(decoder: Decoder, path: Path, denoise: str, folder: Path) -> Passes:
    """Take a recording through both passes."""
    wish = {"auto": Wish(denoise="auto"), "on": Wish(denoise="on"), "off": Wish(denoise="off")}[denoise]
    began_s, used_s = time.perf_counter(), _cpu_s(decoder)
    shelf = Shelf.of(folder, "one")
    found = inspect(decoder, path, filename=path.name, limits=LIMITS, progress=lambda _: None, shelf=shelf)
    analysed_s = time.perf_counter()
    # The hash is known to a job; here it stands for nothing.
    sha256 = hashlib.sha256().hexdigest()
    source = Source("one", path.name, path, sha256, examination=found, copy=shelf.path)
    prepare(
        decoder, [source], target=TARGET, wish=wish, limits=LIMITS, folder=folder, progress=lambda _: None
    )  # fmt: skip
    return Passes(analysed_s - began_s, time.perf_counter() - analysed_s, _cpu_s(decoder) - used_s)


def _cpu_s(decoder: Decoder) -> float:
    """Return what this process, the decoder's host and its ended children have used so far."""
    if decoder.host_pid is None:
        return time.process_time()
    host = psutil.Process(decoder.host_pid).cpu_times()
    children_s = getattr(host, "children_user", 0.0) + getattr(host, "children_system", 0.0)
    return time.process_time() + float(host.user + host.system + children_s)


def main(arguments: list[str]) -> int:
    """Print the seconds and the peaks, of this process and of the decoding children, in MB."""
    path, denoise = Path(arguments[0]), arguments[1]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Decoder() as decoder, _Watch() as watch:
        decoder.start()
        passes = treat(decoder, path, denoise, Path(folder))
    peaks = {"own_mb": peak_mb(os.getpid()), "child_mb": watch.peak_mb} if can_tell_peaks() else {}
    sys.stdout.write(json.dumps({**asdict(passes), **peaks}) + "\n")
    return 0


class _Watch:
    """Looks at the processes that this one has started, again and again: the kernel's own sum knows no single peak."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        if can_tell_peaks():
            self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(EVERY_S):
            for child in psutil.Process().children(recursive=True):
                with suppress(OSError, LookupError):  # it ended meanwhile
                    self.peak_mb = max(self.peak_mb, peak_mb(child.pid))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
