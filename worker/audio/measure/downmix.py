"""One channel out of several: the mean, or one side where the mean would lose the voice.

Sides that cancel out and sides that are dead both show in one figure: how much weaker the mean is than the strongest
side, over the whole file, and, for sides that cancel out for a while only, over every tenth of a second. The choice is
one for the whole file, for one that changes half-way would be heard.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAX_LOSS_DB: Final = 5.0  # two strangers side by side lose 3 dB, a dead side 6 dB, anti-phase everything

# Removing less than this (-34 dB) changes a clean recording for nothing: it is not heard and takes no headroom, while
# voiceprints of the same speech with and without 0.012 of it have a cosine of .87 (2026-11).
AUDIBLE_OFFSET: Final = 0.02

# More than a dead side costs, and than strangers lose beside each other, however many they are: so that somebody who
# walks from one side to the other, and a table with a microphone for each of several people, are left in the mean.
CANCELLED_DB: Final = 8.0
STRANGER_DB: Final = 2.0
MAX_CANCELLED: Final = 0.05  # of all sound: more of it is part of the voice
HOP_S: Final = 0.1

DEAD_DB: Final = 20.0  # a channel this much weaker than the strongest adds nothing that would be missed

Signals = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Mix:
    """How a recording becomes mono. `channel` is the one to take, None for the mean; `offset` is the DC to remove."""

    channel: int | None
    offset: float

    def apply(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the mono signal of a block: float32, shape (channels, frames) in, (1, frames) out."""
        side = block.mean(axis=0, keepdims=True) if self.channel is None else block[self.channel : self.channel + 1]
        return np.asarray(side - np.float32(self.offset), np.float32)

    def to_json(self) -> dict[str, Any]:
        return {"channel": self.channel, "offset": self.offset}


def candidates(block: Signals) -> Signals:
    """Return every signal that a block may become, shape (signals, frames): the mean first, then each channel.

    A mono block has one candidate, itself. Filters are linear, so this may come after them.
    """
    if block.shape[0] == 1:
        return block
    return np.concatenate((block.mean(axis=0, keepdims=True), block))


def row_of(block: npt.NDArray[np.float32], row: int) -> npt.NDArray[np.float32]:
    """Return one row of `candidates` alone, shape (1, frames)."""
    if block.shape[0] == 1:
        return block
    return block.mean(axis=0, keepdims=True) if row == 0 else block[row - 1 : row]


class MixMeter:
    """What every candidate is worth, tenth of a second by tenth of a second. Kept is one float32 a row for each."""

    def __init__(self, channels: int, rate_hz: int) -> None:
        rows = channels + 1 if channels > 1 else 1
        self._hop_frames = round(HOP_S * rate_hz)
        self._rest = np.zeros((rows, 0), np.float32)
        self._hops: list[npt.NDArray[np.float32]] = [np.zeros((rows, 0), np.float32)]
        self._sums = np.zeros(rows)
        self._sound = self._cancelled = 0.0

    def add(self, signals: npt.NDArray[np.float32]) -> None:
        """Take the next of all `candidates`, shape (signals, frames)."""
        self._sums += np.einsum("rf,rf->r", signals, signals)
        powers = self._powers(signals)
        if len(powers) > 1:
            strongest = powers[1:].max(axis=0)
            least = strongest * 10 ** (-CANCELLED_DB / 10)
            of_strangers = powers[1:].mean(axis=0) / (len(powers) - 1)
            is_cancelled = powers[0] < np.minimum(least, of_strangers * 10 ** (-STRANGER_DB / 10))
            self._sound += float(strongest.sum())
            self._cancelled += float(strongest[is_cancelled].sum())

    def pass_by(self, signal: npt.NDArray[np.float32]) -> None:
        """Take the next of the one that is best so far alone, shape (frames,): nothing is learned of the others."""
        self._powers(np.broadcast_to(signal, (self._sums.size, signal.size)))

    def _powers(self, signals: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Keep, and return, the mean square of every hop that is now complete, shape (signals, hops)."""
        samples = np.concatenate((self._rest, signals), axis=1)
        count = samples.shape[1] // self._hop_frames
        self._rest = samples[:, count * self._hop_frames :].copy()
        hops = samples[:, : count * self._hop_frames].reshape(len(samples), count, self._hop_frames)
        powers: npt.NDArray[np.float32] = np.einsum("rhf,rhf->rh", hops, hops) / np.float32(self._hop_frames)
        self._hops.append(powers)
        return powers

    @property
    def row(self) -> int:
        """The candidate to use, by all that was heard so far."""
        if self._sums.size == 1:
            return 0
        strongest = int(np.argmax(self._sums[1:])) + 1
        is_lost = self._sums[0] < self._sums[strongest] * 10 ** (-MAX_LOSS_DB / 10)
        return strongest if is_lost or self._cancelled > MAX_CANCELLED * self._sound else 0

    def powers(self, row: int) -> npt.NDArray[np.float32]:
        """Return the mean square of one candidate in every tenth of a second, shape (hops,)."""
        return np.concatenate([each[row] for each in self._hops])

    def told(self, row: int) -> str:
        """Return why one channel is used and which, in words."""
        channels = self._sums[1:]
        name = ("the left channel", "the right channel")[row - 1] if channels.size == 2 else f"channel {row}"
        others = np.delete(channels, row - 1)
        if (others <= channels[row - 1] * 10 ** (-DEAD_DB / 10)).all():
            return f"one-sided: only {name} carries sound, and it alone is used"
        return f"one-sided: the channels cancel each other out where they are mixed; {name} alone is used"


def mix_of(row: int, offset: float) -> Mix:
    """Return the mix that makes the chosen row of `candidates`."""
    return Mix(channel=row - 1 if row else None, offset=offset if abs(offset) >= AUDIBLE_OFFSET else 0.0)
