"""How much of a call's recordings has left us, for whoever shows it. Adapters do not know of it; the wire reads by it.

What left us is counted as it is read for the connection: a vendor that takes it slowly is seen to, by the megabyte or
two that lie between the two.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from typing_extensions import override

from shared.vendors.protocol import SampleFile

Report = Callable[[float], None]


@dataclass(slots=True)
class _Meter:
    total_bytes: int
    report: Report
    sent_bytes: int = 0

    def count(self, size_bytes: int) -> None:
        self.sent_bytes += size_bytes
        if self.total_bytes:
            # More than all: an adapter sent something twice, as after an answer that was lost.
            self.report(min(1.0, self.sent_bytes / self.total_bytes))


_RUNNING: ContextVar[_Meter | None] = ContextVar("meter", default=None)


@contextmanager
def watching(files: Sequence[SampleFile], report: Report) -> Iterator[None]:
    """Report how much (0-1) of the files has left this thread while the block runs. `report` must not raise."""
    token = _RUNNING.set(_Meter(sum(file.path.stat().st_size for file in files), report))
    try:
        yield
    finally:
        _RUNNING.reset(token)


class _Counted(FileIO):
    """A file whose reader is counted."""

    def __init__(self, path: Path, meter: _Meter) -> None:
        super().__init__(path, "rb")
        self._meter = meter

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(-1 if size is None else size) or b""
        self._meter.count(len(found))
        return found


def opened(path: Path) -> FileIO:
    """Open a file to be sent; whoever watches is told of what is read of it."""
    meter = _RUNNING.get()
    return FileIO(path, "rb") if meter is None else _Counted(path, meter)
