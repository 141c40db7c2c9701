"""The analysis signal of a recording: the mean of its channels, or the one channel that has to stand for it.

Which one it is shows only at the end, for a side may die half-way: so all channels are analysed and compared. Of long
recordings they are compared in places (`worker.audio.measure.rota`), and in between only the signal that is best so
far is analysed, which takes half of the time.
"""

import numpy as np
import numpy.typing as npt

from worker.audio.measure import rota
from worker.audio.measure.downmix import MixMeter, candidates, row_of
from worker.audio.measure.surveyor import Analysis
from worker.audio.tracks import ANALYSIS_RATE_HZ

Samples = npt.NDArray[np.float32]


class Sides:
    """Follows a recording piece by piece. With `row` given that one is analysed, whatever the others are."""

    def __init__(self, channels: int, rate_hz: int, row: int | None = None) -> None:
        self.mix = MixMeter(channels, ANALYSIS_RATE_HZ)
        self._channels, self._rate_hz, self._given = channels, rate_hz, row
        self._heard: set[int] = set()
        self._frames = 0
        self._all: Analysis | None = Analysis(channels, rate_hz)
        self._one: Analysis | None = None
        self._last = (0, np.zeros((channels, 0), np.float32))  # the piece before: where it begins, and itself
        self._made = 0  # samples of the analysis signal
        self._rest: Samples = np.zeros(0, np.float32)  # of what the one makes first, ...
        self._told = 0  # ... of which so many samples are made already

    @property
    def row(self) -> int:
        """The row of `candidates` that is best so far."""
        return self.mix.row if self._given is None else self._given

    @property
    def is_settled(self) -> bool:
        """Whether all that was analysed is of that row."""
        return not self._heard - {self.row}

    def take(self, piece: Samples) -> Samples:
        """Return what the next piece, shape (channels, frames) and a second at the most, becomes: shape (frames,)."""
        moment_s = self._frames / self._rate_hz
        if self._channels == 1 or moment_s < rota.ALL_S:
            signal = self._compared(piece)
        else:
            one = self._one or self._taken_over()
            if rota.is_heard(moment_s):
                self._compared(piece)
            else:
                self._all = None
            signal = np.concatenate((self._rest, one.take(row_of(piece, self.row))[0]))[self._told :]
            self._rest, self._told = signal[:0], 0
            if self._all is None:
                self.mix.pass_by(signal)
            if signal.any():
                self._heard.add(self.row)
        self._last = self._frames, piece
        self._frames += piece.shape[1]
        self._made += signal.size
        return signal

    def conclude(self) -> Samples:
        """Return what was held back."""
        if self._one is not None:
            held: Samples = self._one.take(np.zeros((1, 0), np.float32), is_last=True)[0]
            return held
        return self._compared(np.zeros((self._channels, 0), np.float32), is_last=True)

    def _compared(self, piece: Samples, *, is_last: bool = False) -> Samples:
        """Analyse and compare all channels; return the row that is best then."""
        if self._all is None:
            self._all = Analysis(self._channels, self._rate_hz)
        signals = candidates(self._all.take(piece, is_last=is_last))
        if signals.shape[1]:
            self.mix.add(signals)
            if signals.any():
                self._heard.add(self.row)
        return np.ascontiguousarray(signals[self.row])

    def _taken_over(self) -> Analysis:
        """Return an analysis of one signal that has heard the piece before; what it makes next follows seamlessly."""
        begun, piece = self._last
        self._one = Analysis(1, self._rate_hz)
        self._rest = self._one.take(row_of(piece, self.row))[0]
        self._told = self._made - round(begun * ANALYSIS_RATE_HZ / self._rate_hz)
        return self._one
