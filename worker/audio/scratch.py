"""Mono float32 samples on disk, so that a recording can be gone over again without holding it in memory.

Plain files that their owner deletes; read with ordinary reads, for mapped pages would count as the process's memory.
Who measures a recording may leave such a copy behind for who prepares it, and so save decoding it again.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

BLOCK_FRAMES: Final = 64 * 1024
COPIES_BYTES: Final = 2 * 1024**3  # of one job: three hours at 48 kHz
_COPY_SUFFIX: Final = ".copy"
_SAMPLE_BYTES: Final = 4

Mono = npt.NDArray[np.float32]


class Scratch:
    """A file of samples: written once from front to back, then read anywhere. Close it by leaving the `with` block."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.frames = 0
        self._file = path.open("w+b", buffering=0)
        self._first = 0

    @classmethod
    def excerpt(cls, path: Path, rate_hz: int, first: int, past: int) -> Self:
        """Open the frames from `first` to `past` of what lies in a file, as if they were all. Raises: OSError."""
        opened = cls.__new__(cls)
        opened.rate_hz = rate_hz
        opened._file = path.open("rb", buffering=0)
        held = os.fstat(opened._file.fileno()).st_size // _SAMPLE_BYTES
        opened._first = min(first, held)
        opened.frames = min(past, held) - opened._first
        return opened

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz

    def append(self, block: Mono) -> None:
        """Add samples, shape (1, frames), at the end."""
        view = np.ascontiguousarray(block).data.cast("B")
        while view:
            view = view[self._file.write(view) :]
        self.frames += block.shape[1]

    def read(self, start: int, count: int) -> Mono:
        """Return samples, shape (1, count); what lies before the beginning or after the end reads as silence."""
        samples = np.zeros((1, count), np.float32)
        first, past = max(start, 0), min(start + count, self.frames)
        if first < past:
            self._file.seek((self._first + first) * _SAMPLE_BYTES)
            view = samples[0, first - start : past - start].data.cast("B")
            while view and (got := self._file.readinto(view)):
                view = view[got:]
        return samples

    def blocks(self, start: int = 0, end: int | None = None) -> Iterator[Mono]:
        """Yield the samples from `start` to `end`, shape (1, frames), in blocks of bounded length."""
        past = self.frames if end is None else end
        for begin in range(start, past, BLOCK_FRAMES):
            yield self.read(begin, min(BLOCK_FRAMES, past - begin))

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a copy may be left, and how large it may become."""

    path: Path
    room_bytes: int

    @classmethod
    def of(cls, folder: Path, name: str) -> Self:
        """Return a recording's shelf in the folder of a job, with the room that other copies in there leave."""
        path = folder / f"{name}{_COPY_SUFFIX}"
        taken = sum(each.stat().st_size for each in folder.glob(f"*{_COPY_SUFFIX}") if each != path)
        return cls(path, max(COPIES_BYTES - taken, 0))


class Copy:
    """Writes a copy of a stream to a shelf; one that is not `complete` at the end, or is too large, is not left there.

    It only saves time: a disk that is full costs the copy and nothing else.
    """

    def __init__(self, shelf: Shelf, rate_hz: int) -> None:
        self._shelf = shelf
        self._scratch: Scratch | None = None
        self._is_complete = False
        try:
            self._scratch = Scratch(shelf.path, rate_hz)
        except OSError:
            self._give_up()

    def append(self, block: Mono) -> None:
        """Add samples, shape (1, frames), at the end."""
        scratch = self._scratch
        if scratch is None:
            return
        if (scratch.frames + block.shape[1]) * _SAMPLE_BYTES > self._shelf.room_bytes:
            self._give_up()
            return
        try:
            scratch.append(block)
        except OSError:
            self._give_up()

    def complete(self) -> None:
        """Tell that nothing is missing."""
        self._is_complete = self._scratch is not None

    def close(self) -> None:
        """Leave what is complete, take back the rest."""
        if not self._is_complete:
            self._give_up()
        elif self._scratch is not None:
            self._scratch.close()

    def _give_up(self) -> None:
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None
        with contextlib.suppress(OSError):
            self._shelf.path.unlink(missing_ok=True)


def holds(path: Path, frames: int) -> bool:
    """Return whether a copy of so many frames lies there."""
    with contextlib.suppress(OSError):
        return path.stat().st_size == frames * _SAMPLE_BYTES
    return False
