"""Mono float32 samples on disk, so that a recording can be gone over again without holding it in memory.

Plain files that their owner deletes; read with ordinary reads, for mapped pages would count as the process's memory.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

BLOCK_FRAMES: Final = 64 * 1024
_SAMPLE_BYTES: Final = 4

Mono = npt.NDArray[np.float32]


class Scratch:
    """A file of samples: written once from front to back, then read anywhere. Close it by leaving the `with` block."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.frames = 0
        self._file = path.open("w+b", buffering=0)

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
            self._file.seek(first * _SAMPLE_BYTES)
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
        self._file.close()
