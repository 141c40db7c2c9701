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

STRETCH: Final = 64  # samples that one product takes
GROUP: Final = 64  # stretches whose memories are found by one product

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
        carries, groups: See `_carried`.
    """

    settled: Floats
    answers: Floats
    recalls: Floats
    enters: Floats
    powers: Floats
    carries: Floats
    groups: Floats


@cache
def _matrices(sections: tuple[tuple[float, ...], ...], dtype: np.dtype[np.floating[Any]]) -> _Matrices:
    move, enter, leave, through = _balanced(*_cascade(np.array(sections)))
    size = move.shape[0]
    powers = [np.eye(size)]
    for _ in range(STRETCH):
        powers.append(move @ powers[-1])
    answer = np.array([through, *(leave @ powers[count] @ enter for count in range(STRETCH - 1))])
    lags = np.arange(STRETCH)[None, :] - np.arange(STRETCH)[:, None]
    carries, groups = _carried(powers[STRETCH])
    found = (
        np.linalg.solve(np.eye(size) - move, enter),
        np.where(lags >= 0, answer[np.maximum(lags, 0)], 0.0),
        np.stack([leave @ powers[count] for count in range(STRETCH)], axis=1),
        np.stack([powers[STRETCH - 1 - count] @ enter for count in range(STRETCH)]),
        np.stack([power.T for power in powers]),
        carries,
        groups,
    )
    return _Matrices(*(each.astype(dtype) for each in found))


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
        if self._memory is None:
            first = samples[:, :1] if frames else np.zeros((rows, 1))
            self._memory = (first * self._by.settled[None, :]).astype(self.dtype) if frames else None
        if self._memory is None or not frames:
            return samples
        whole = frames // STRETCH * STRETCH
        output = np.empty_like(samples)
        for row in range(rows):
            self._filter(samples[row, :whole].reshape(-1, STRETCH), output[row, :whole].reshape(-1, STRETCH), row)
            if whole < frames:
                output[row, whole:] = self._finish(samples[row, whole:], row)
        return output

    def _filter(self, samples: Floats, output: Floats, row: int) -> None:
        """Fill the output of whole stretches, shape (stretches, STRETCH), and move the row's memory on."""
        assert self._memory is not None
        np.matmul(samples, self._by.answers, out=output)
        memories = self._memories(samples @ self._by.enters, row)
        output += memories @ self._by.recalls

    def _memories(self, gained: Floats, row: int) -> Floats:
        """Return the memory at every stretch's beginning, given what each adds, both of shape (stretches, size)."""
        assert self._memory is not None
        count, size = gained.shape
        memories = np.empty_like(gained)
        memory = self._memory[row]
        for first in range(0, count, GROUP):
            taken = min(GROUP, count - first)
            # The memory of the group's beginning is moved on to all of its stretches, and with it what they add.
            later = (
                memory @ self._by.groups[:, : (taken + 1) * size]
                + gained[first : first + taken].reshape(-1) @ self._by.carries[: taken * size, : (taken + 1) * size]
            )
            memories[first : first + taken] = later[: taken * size].reshape(taken, size)
            memory = later[taken * size :]
        self._memory[row] = memory
        return memories

    def _finish(self, samples: Floats, row: int) -> Floats:
        """Return the output of less than a stretch, shape (frames,), and move the row's memory on."""
        assert self._memory is not None
        count, memory = samples.size, self._memory[row]
        output: Floats = samples @ self._by.answers[:count, :count] + memory @ self._by.recalls[:, :count]
        self._memory[row] = memory @ self._by.powers[count] + samples @ self._by.enters[STRETCH - count :]
        return output


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
