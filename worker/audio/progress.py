"""Fractions of the way that only grow, whatever the parts of the work report.

What the receiver raises goes through: that is how a caller whose claim was lost ends the work.
"""

import math
from collections.abc import Callable

Progress = Callable[[float], None]

UNKNOWN_SCALE_S = 60.0  # a recording of unknown length is half-way after about 40 s of sound


class Advance:
    """Reports the progress of work that has several parts, each a span of the whole."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._reported = -1.0
        self._span = (0.0, 1.0)

    def within(self, start: float, end: float) -> "Advance":
        """Return an advance of its own for the part from `start` to `end` of the whole."""
        return Advance(lambda fraction: self._pass(start + (end - start) * fraction))

    def begin(self, start: float, end: float) -> None:
        """What comes now is the part from `start` to `end` of the whole."""
        self._span = (start, end)
        self.report(0.0)

    def report(self, fraction: float) -> None:
        """Tell how much of the present part is done, 0 to 1. Raises: whatever the receiver raises."""
        start, end = self._span
        self._pass(start + (end - start) * min(max(fraction, 0.0), 1.0))

    def _pass(self, whole: float) -> None:
        if whole > self._reported:
            self._reported = whole
            self._progress(whole)


def fraction_of(done_s: float, expected_s: float | None) -> float:
    """Return how much of a stream is done when its length is a claim or unknown; 1 is for those who know the end."""
    if expected_s:
        return min(done_s / expected_s, 0.99)
    return 1 - math.exp(-done_s / UNKNOWN_SCALE_S)
