"""Integrated loudness of a stream, after ITU-R BS.1770-4, for one channel at any rate.

K-weighting, 400 ms blocks overlapping by 75 %, an absolute gate at -70 LUFS and a relative one 10 LU below the mean
of what passed the first. Only the power of every 100 ms is kept.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.audio.measure.hops import HopPowers, Powers
from worker.audio.measure.recursive import RecursiveFilter
from worker.audio.tracks import Span

STEP_S: Final = 0.1
STEPS_PER_BLOCK: Final = 4  # 400 ms: the gating block (BS.1770-4, annex 1)
OFFSET_LUFS: Final = -0.691
ABSOLUTE_GATE_LUFS: Final = -70.0
RELATIVE_GATE_LU: Final = -10.0
MAX_FLOAT32_RATE_HZ: Final = 48_000

# The two stages of K-weighting as analogue designs, from which the coefficients that BS.1770-4 tabulates for 48 kHz
# follow at every rate (B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 145, 2018).
TABLE_RATE_HZ: Final = 48_000
SHELF_HZ, SHELF_GAIN_DB, SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
CUT_HZ, CUT_Q = 38.13547087602444, 0.5003270373238773


class LoudnessMeter:
    """Measures each row of a stream as a mono recording of its own."""

    def __init__(self, rows: int, rate_hz: int) -> None:
        # Above this rate the filter's poles are too close to one for float32.
        exact = np.float32 if rate_hz <= MAX_FLOAT32_RATE_HZ else np.float64
        self._weighting = RecursiveFilter(k_weighting(rate_hz), exact)
        self._steps = HopPowers(rows, rate_hz, STEP_S)

    def add(self, block: npt.NDArray[np.floating]) -> None:
        """Take the next block, shape (rows, frames)."""
        self._steps.add(self._weighting.take(block))

    def integrated_lufs(self, row: int = 0) -> float | None:
        """Return the loudness of a row so far, or None when it is shorter than 0.4 s or silent."""
        return integrated_lufs(self._steps.powers()[row])

    def steps(self, row: int = 0) -> Powers:
        """Return the weighted power of every 100 ms of a row so far, shape (steps,)."""
        steps: Powers = self._steps.powers()[row]
        return steps


def integrated_lufs(steps: Powers) -> float | None:
    """Return the loudness of a signal by its `steps`, or None when it is shorter than 0.4 s or silent."""
    if steps.size < STEPS_PER_BLOCK:
        return None
    totals = np.concatenate(([0.0], np.cumsum(steps, dtype=np.float64)))
    blocks = (totals[STEPS_PER_BLOCK:] - totals[:-STEPS_PER_BLOCK]) / STEPS_PER_BLOCK
    audible = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
    if not audible.size:
        return None
    loud = audible[audible > audible.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
    return float(OFFSET_LUFS + 10 * np.log10(loud.mean()))


def steps_of(steps: Powers, spans: Iterable[Span]) -> Powers:
    """Return the steps of stretches of a signal, joined, each edge to the nearest 100 ms."""
    edges = [(round(span.start_s / STEP_S), round(span.end_s / STEP_S)) for span in spans]
    return np.concatenate([steps[:0], *(steps[first:past] for first, past in edges)])


def k_weighting(rate_hz: int) -> npt.NDArray[np.float64]:
    """Return the K-weighting filter as second-order sections, shape (2, 6)."""
    k = np.tan(np.pi * SHELF_HZ / rate_hz)
    high, band = 10 ** (SHELF_GAIN_DB / 20), 10 ** (SHELF_GAIN_DB / 20 * 0.4996667741545416)
    norm = 1 + k / SHELF_Q + k * k
    shelf = [
        (high + band * k / SHELF_Q + k * k) / norm,
        2 * (k * k - high) / norm,
        (high - band * k / SHELF_Q + k * k) / norm,
        1.0,
        2 * (k * k - 1) / norm,
        (1 - k / SHELF_Q + k * k) / norm,
    ]
    k, norm = _cut_terms(rate_hz)
    # The table leaves the second stage's numerator at 1, -2, 1; dividing out the rate's own gain keeps every rate
    # at the response that this gives at 48 kHz.
    gain = _cut_terms(TABLE_RATE_HZ)[1] / norm
    cut = [gain, -2 * gain, gain, 1.0, 2 * (k * k - 1) / norm, (1 - k / CUT_Q + k * k) / norm]
    return np.array([shelf, cut])


def _cut_terms(rate_hz: int) -> tuple[float, float]:
    k = float(np.tan(np.pi * CUT_HZ / rate_hz))
    return k, 1 + k / CUT_Q + k * k


def _power(level_lufs: float) -> float:
    return float(10 ** ((level_lufs - OFFSET_LUFS) / 10))
