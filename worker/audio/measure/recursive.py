"""Recursive filters over a stream, a block at a time, as products of matrices.

A filter of second-order sections is one linear system with two values of memory a section. Over a stretch of samples
its output is a matrix times the samples plus another times the memory, and so is the memory afterwards; so what is
nearly all of the work is a product that numpy makes 5 times as fast as scipy.signal runs along the samples, whose
import alone takes as long as a minute of sound (2026-11).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from worker.audio.measure.products import product

STRETCH: Final = 64  # samples that one product takes
GROUP: Final = 16  # stretches, or groups of them, whose memories are found by one product
LEVELS: Final = 3

Floats = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Matrices:
    """What a filter multiplies with, all transposed, for samples lie along rows. `size` is of its memory.

    Attributes:
        settled: The memory after a one that was there for ever, shape (size,).
        answers, recalls: What a stretch gives out for its samples, and for the memory at its beginning.
        enters: What the samples of a stretch leave in the memory at its end.
        powers: What becomes of a memory after 0 to STRETCH samples.
        carries, groups: See `_carried`; for groups of stretches, of groups, and so on.
    """

    settled: Floats
    answers: Floats
    recalls: Floats
    enters: Floats
    powers: Floats
    carries: tuple[Floats, ...]
    groups: tuple[Floats, ...]


@cache
def _matrices(sections: tuple[tuple[float, ...], ...], dtype: np.dtype[np.floating[Any]]) -> _Matrices:
    move, enter, leave, through = _balanced(*_cascade(np.array(sections)))
    size = move.shape[0]
    powers = [np.eye(size)]
    for _ in range(STRETCH):
        powers.append(move @ powers[-1])
    answer = np.array([through, *(leave @ powers[count] @ enter for count in range(STRETCH - 1))])
    lags = np.arange(STRETCH)[None, :] - np.arange(STRETCH)[:, None]
    levels = [_carried(np.linalg.matrix_power(powers[STRETCH], GROUP**level)) for level in range(LEVELS)]
    return _Matrices(
        settled=np.linalg.solve(np.eye(size) - move, enter).astype(dtype),
        answers=np.where(lags >= 0, answer[np.maximum(lags, 0)], 0.0).astype(dtype),
        recalls=np.stack([leave @ powers[count] for count in range(STRETCH)], axis=1).astype(dtype),
        enters=np.stack([powers[STRETCH - 1 - count] @ enter for count in range(STRETCH)]).astype(dtype),
        powers=np.stack([power.T for power in powers]).astype(dtype),
        carries=tuple(carries.astype(dtype) for carries, _ in levels),
        groups=tuple(groups.astype(dtype) for _, groups in levels),
    )


class RecursiveFilter:
    """Filters each row of a stream by itself; how the stream is cut changes the last digits at most."""

    def __init__(self, sections: npt.NDArray[np.float64], dtype: npt.DTypeLike = np.float32) -> None:
        """Take second-order sections, shape (count, 6): b0 b1 b2 1 a1 a2 each. The work is done in `dtype`."""
        self.dtype: Final = np.dtype(dtype)
        self._by = _matrices(tuple(map(tuple, sections.tolist())), self.dtype)
        self._memory: Floats | None = None

    def take(self, block: Floats) -> Floats:
        """Return the output for the next block, both of shape (rows, frames).

        Before the stream began its first sample is taken to have been there for ever: an offset is no sound.
        """
        rows, frames = block.shape
        samples = np.ascontiguousarray(block, self.dtype)
        if not frames:
            return samples
        if self._memory is None:
            self._memory = (samples[:, :1] * self._by.settled[None, :]).astype(self.dtype)
        whole = frames // STRETCH * STRETCH
        output = np.empty_like(samples)
        if whole:
            stretches = samples[:, :whole].reshape(rows, -1, STRETCH)
            memories, self._memory = self._remembered(product(stretches, self._by.enters), self._memory, 0)
            found = product(stretches, self._by.answers)
            found += product(memories, self._by.recalls)
            output[:, :whole] = found.reshape(rows, whole)
        if whole < frames:
            rest, memory, count = samples[:, whole:], self._memory, frames - whole
            output[:, whole:] = rest @ self._by.answers[:count, :count] + memory @ self._by.recalls[:, :count]
            self._memory = memory @ self._by.powers[count] + rest @ self._by.enters[STRETCH - count :]
        return output

    def _remembered(self, gained: Floats, memory: Floats, level: int) -> tuple[Floats, Floats]:
        """Return the memory at the beginning of every stretch, and at the end of the last.

        Args:
            gained: What each stretch leaves in the memory at its end, shape (rows, stretches, size).
            memory: At the beginning of the first, shape (rows, size).
            level: How often stretches were gathered into groups, which then are the stretches here.
        """
        rows, count, size = gained.shape
        carries, groups = self._by.carries[level], self._by.groups[level]
        grouped = count // GROUP if level + 1 < len(self._by.carries) else 0
        memories = np.empty_like(gained)
        if grouped:
            of_groups = product(gained[:, : grouped * GROUP].reshape(rows, grouped, GROUP * size), carries)
            begins, memory = self._remembered(of_groups[:, :, GROUP * size :], memory, level + 1)
            of_groups += product(begins, groups)
            memories[:, : grouped * GROUP] = of_groups[:, :, : GROUP * size].reshape(rows, -1, size)
        for first in range(grouped * GROUP, count, GROUP):
            taken = min(GROUP, count - first)
            inside = gained[:, first : first + taken].reshape(rows, taken * size)
            past = (taken + 1) * size
            later = inside @ carries[: taken * size, :past] + memory @ groups[:, :past]
            memories[:, first : first + taken] = later[:, : taken * size].reshape(rows, taken, size)
            memory = later[:, taken * size :]
        return memories, memory


def high_pass(cut_hz: float, order: int, rate_hz: int) -> Doubles:
    """Return an even order's Butterworth high-pass as second-order sections, shape (order / 2, 6)."""
    k = np.tan(np.pi * cut_hz / rate_hz)
    sections = []
    for number in range(order // 2):
        damping = 2 * np.sin(np.pi * (2 * number + 1) / (2 * order))
        norm = 1 + damping * k + k * k
        sections.append([1 / norm, -2 / norm, 1 / norm, 1.0, 2 * (k * k - 1) / norm, (1 - damping * k + k * k) / norm])
    return np.array(sections)


def _cascade(sections: Doubles) -> tuple[Doubles, Doubles, Doubles, float]:
    """Return the sections in a row as one system of `move`, `enter`, `leave` and `through`.

    With a sample x the memory becomes move @ memory + enter * x and gives out leave @ memory + through * x. Each
    section is in the transposed direct form II, as scipy.signal.sosfilt has it.
    """
    size = 2 * len(sections)
    move, enter, leave, through = np.zeros((size, size)), np.zeros(size), np.zeros(size), 1.0
    for number, (b0, b1, b2, _, a1, a2) in enumerate(sections):
        here = slice(2 * number, 2 * number + 2)
        gains = np.array([b1 - a1 * b0, b2 - a2 * b0])
        # What comes in is what the sections before give out: `leave` and `through` of the cascade so far.
        move[here] += np.outer(gains, leave)
        move[here, here] += np.array([[-a1, 1.0], [-a2, 0.0]])
        enter[here] = gains * through
        leave = b0 * leave
        leave[2 * number] += 1.0
        through *= b0
    return move, enter, leave, through


def _balanced(move: Doubles, enter: Doubles, leave: Doubles, through: float) -> tuple[Doubles, Doubles, Doubles, float]:
    """Return the same system with memories that noise moves alike and apart from each other.

    Else what a stretch makes of them are differences of large numbers, which float32 does not hold.
    """
    size = move.shape[0]
    spread = np.linalg.solve(np.eye(size * size) - np.kron(move, move), np.outer(enter, enter).reshape(-1))
    basis = np.linalg.cholesky(spread.reshape(size, size))
    back = np.linalg.inv(basis)
    return back @ move @ basis, back @ enter, leave @ basis, through


def _carried(move: Doubles) -> tuple[Doubles, Doubles]:
    """Return what GROUP stretches in a row make of what each adds, and of the memory at their beginning.

    Shapes (GROUP * size, (GROUP + 1) * size) and (size, (GROUP + 1) * size).
    """
    size = move.shape[0]
    powers = [np.eye(size)]
    for _ in range(GROUP):
        powers.append(powers[-1] @ move)
    carries = np.zeros((GROUP * size, (GROUP + 1) * size))
    for at in range(GROUP):
        for later in range(at + 1, GROUP + 1):
            carries[at * size : (at + 1) * size, later * size : (later + 1) * size] = powers[later - at - 1].T
    return carries, np.concatenate([power.T for power in powers], axis=1)
