"""How much of a recording was cut off at the top of its range, also where a lossy codec has hidden it.

What is driven too far holds its highest value for some samples: a flat top. A codec or a resampler bends flat tops,
but the highest values stay the most frequent ones: that is the pile-up. All is relative to the recording's own
extremes, so that lowering the volume afterwards hides nothing; and to the mean of every second, so that an offset (DC)
neither looks like a crowd under the peak nor keeps one side of the voice from being looked at. It must not judge.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

MIN_RUN: Final = 3  # samples; two equal ones happen at any crest
STEP_16_BIT: Final = 1.01 / 32_768  # "equal" is within the rounding of 16 bits ...
FLATNESS: Final = 5e-5  # ... or within this share of the extreme, whichever is more
SHARPNESS: Final = 1.5  # the ends of a cut-off crest fall this many times as fast as a round one's of the same flatness
AT_TOP: Final = 0.995  # of the extreme of the second: what was cut off at one place lies this close together
NEAR_EXTREME: Final = 0.95  # a second that reaches this share of the recording's extreme is at the top of its range
AT_WORK: Final = 0.25  # or this share of it, when ...
MIN_RUNS: Final = 3  # ... so many flat tops are in that second; fewer in the whole recording are chance
CONTROL: Final = 0.8  # between here and AT_TOP coarsely quantised recordings have flat runs, too, and most of them
EXTREME_QUANTILE: Final = 1e-4  # of the samples lie above the near-maximum, which a click does not move
PILE_FROM: Final = 0.88  # of the near-maximum
ONE_SIDED: Final = 0.1  # of the near-maximum: an offset that is worth looking at one side for
HIGH: Final = 0.25
PARTS_PER_S: Final = 20
ACTIVE_DB: Final = -25.0  # parts of a second this far below the strongest one are pauses and say nothing of the crest

_BIN_SHIFT: Final = 16  # leaves 7 bits of a float32's mantissa: bins 0.4 to 0.8 % wide, in order of magnitude
_BINS: Final = 0x7F80_0000 >> _BIN_SHIFT
_POWER_STEP_DB: Final = 1.0
_POWER_BINS: Final = 140
_TINY: Final = 1e-12

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clipping:
    """What clipping left in a recording.

    Attributes:
        flat_tops_per_10k: Samples in flat tops, of every 10,000.
        pile_up: Samples above 88 % of the near-maximum, of every 10,000 outside of pauses.
        crest_db: Near-maximum over the root mean square outside of pauses.
    """

    flat_tops_per_10k: float
    pile_up: float
    crest_db: float


@dataclass(frozen=True, slots=True)
class _Side:
    """What one second has on one side of zero: its extreme, its flat tops and the flat runs below them."""

    extreme: float
    tops: int
    runs: int
    below: int


_NO_SIDE: Final = _Side(0.0, 0, 0, 0)


class ClippingMeter:
    """Watches one mono stream at its own rate. Kept are a histogram and a few numbers a second."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._rest: list[Samples] = []
        self._held = 0
        self._frames = 0
        self._mean = 0.0
        self._sum = 0.0
        self._seconds: list[tuple[_Side, _Side]] = []
        self._magnitudes = np.zeros((2, _BINS), np.int64)  # above the mean, below it
        self._part_frames = max(rate_hz // PARTS_PER_S, 1)
        self._parts = np.zeros(_POWER_BINS, np.int64)
        self._part_powers = np.zeros(_POWER_BINS)

    def add(self, block: npt.NDArray[np.floating]) -> None:
        """Take the next block, shape (1, frames)."""
        self._rest.append(np.asarray(block[0], np.float32))
        self._held += block.shape[1]
        if self._held < self._rate_hz:
            return
        samples = np.concatenate(self._rest)
        whole = samples.size // self._rate_hz
        for second in range(whole):
            self._take(samples[second * self._rate_hz : (second + 1) * self._rate_hz])
        self._rest = [samples[whole * self._rate_hz :].copy()]
        self._held = self._rest[0].size

    def result(self) -> Clipping:
        """Return what was found. Ends the stream."""
        self._finish()
        tops = self._flat_tops()
        active, power = self._activity()
        both = self._magnitudes.sum(axis=0)
        if not active or not both.any():
            return Clipping(0.0, 0.0, 0.0)
        near_maximum, above = _crowd(both, active)
        offset = self._sum / self._frames
        if abs(offset) > ONE_SIDED * near_maximum:  # then only what it leans to can have been cut off
            above = max(above, _crowd(self._magnitudes[0 if offset > 0 else 1], active)[1])
        return Clipping(
            flat_tops_per_10k=1e4 * tops / self._frames,
            pile_up=min(1e4 * above / active, 1e4),
            crest_db=max(float(20 * np.log10(near_maximum / np.sqrt(power))), 0.0),
        )

    @property
    def flat_tops_per_s(self) -> npt.NDArray[np.int32]:
        """Samples in flat tops in every second, the last of which may be shorter. Ends the stream.

        Each second is judged by itself, for whoever chooses among them: one that was clipped and is quieter than the
        rest of the recording counts. What chance does in a second is left to `result`, which sees them all.
        """
        self._finish()
        counts = [
            sum(side.tops for side in second if side.runs >= MIN_RUNS and side.tops > side.below)
            for second in self._seconds
        ]
        return np.array(counts, np.int32)

    def _flat_tops(self) -> int:
        """Return the samples in flat tops that lie at the top of the recording's range."""
        total = 0
        for index in (0, 1):
            sides = [second[index] for second in self._seconds]
            extreme = max((side.extreme for side in sides), default=0.0)
            counted = [
                side for side in sides if side.extreme >= (AT_WORK if side.runs >= MIN_RUNS else NEAR_EXTREME) * extreme
            ]
            tops = sum(side.tops for side in counted)
            if sum(side.runs for side in counted) >= MIN_RUNS and tops > sum(side.below for side in counted):
                total += tops
        return total

    def _finish(self) -> None:
        """Take the last second, whatever its length."""
        if self._held:
            samples, self._rest, self._held = np.concatenate(self._rest), [], 0
            self._take(samples)

    def _take(self, samples: Samples) -> None:
        if not self._seconds or samples.size >= self._rate_hz // 2:  # what a moment has for a mean is no offset
            self._mean = float(samples.mean(dtype=np.float64))
        self._sum += float(samples.sum(dtype=np.float64))
        samples = samples - np.float32(self._mean)
        self._frames += samples.size
        lowest, highest = float(samples.min()), float(samples.max())
        self._seconds.append((_side(samples, highest, 1), _side(samples, -lowest, -1)))
        # What is much lower than the extreme of its second is far from the near-maximum and costs time.
        least = HIGH * max(highest, -lowest)
        for side, high in enumerate((samples[samples >= least], -samples[samples < -least])):
            counts = np.bincount(np.abs(high).view(np.int32) >> _BIN_SHIFT)  # a zero may have a sign
            self._magnitudes[side, : counts.size] += counts
        whole = max(samples.size // self._part_frames, 1)
        parts = samples[: whole * self._part_frames].reshape(whole, -1)
        powers = np.einsum("pf,pf->p", parts, parts, dtype=np.float64) / parts.shape[1]
        bins = (10 * np.log10(np.maximum(powers, _TINY)) / _POWER_STEP_DB).astype(np.int64) + _POWER_BINS - 20
        bins = np.clip(bins, 0, _POWER_BINS - 1)
        self._parts += np.bincount(bins, minlength=_POWER_BINS)
        self._part_powers += np.bincount(bins, powers, minlength=_POWER_BINS)

    def _activity(self) -> tuple[int, float]:
        """Return the samples outside of pauses and their mean square."""
        filled = np.flatnonzero(self._part_powers > _TINY)
        if not filled.size:
            return 0, 0.0
        first = max(int(filled[-1] + ACTIVE_DB / _POWER_STEP_DB), 0)
        parts = int(self._parts[first:].sum())
        return min(parts * self._part_frames, self._frames), float(self._part_powers[first:].sum() / parts)


def _side(samples: Samples, extreme: float, sign: int) -> _Side:
    """Find the flat runs near the extreme of one side."""
    if extreme <= STEP_16_BIT:
        return _NO_SIDE
    tolerance = max(STEP_16_BIT, FLATNESS * extreme)
    high = np.flatnonzero(samples >= CONTROL * extreme if sign > 0 else samples <= -CONTROL * extreme)
    if high.size < MIN_RUN:
        return _Side(extreme, 0, 0, 0)
    values = sign * samples[high]
    joined = (np.diff(high) == 1) & (np.abs(np.diff(values)) <= tolerance)
    if np.count_nonzero(joined) < MIN_RUN - 1:
        return _Side(extreme, 0, 0, 0)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], joined, [False])).astype(np.int8)))
    first, last = edges[::2], edges[1::2]
    lengths = last - first + 1
    long = lengths >= MIN_RUN
    first, last, lengths = first[long], last[long], lengths[long]
    levels = np.maximum(values[first], values[last])
    before, after = np.maximum(high[first] - 2, 0), np.minimum(high[last] + 2, samples.size - 1)
    falls = 2 * levels - sign * (samples[before] + samples[after])
    # A parabola that changes by the tolerance at most from sample to sample for half a length h has fallen by
    # (h + 2)^2 / 2h tolerances two samples on.
    half = lengths / 2
    cut = falls >= SHARPNESS * tolerance * (half + 2) ** 2 / half
    tops = cut & (levels >= AT_TOP * extreme)
    return _Side(extreme, int(lengths[tops].sum()), int(tops.sum()), int(lengths[cut & ~tops].sum()))


def _crowd(magnitudes: npt.NDArray[np.int64], active: int) -> tuple[float, int]:
    """Return the near-maximum of a histogram of magnitudes, and how many samples are crowded under it."""
    counts = magnitudes[::-1].cumsum()  # from the largest magnitude down
    bin_ = _BINS - 1 - int(np.searchsorted(counts, max(active * EXTREME_QUANTILE, 1)))
    near_maximum = _magnitude(max(bin_, 0))
    return near_maximum, int(counts[_BINS - 1 - _bin_of(PILE_FROM * near_maximum)])


def _magnitude(bin_: int) -> float:
    return float(np.array(bin_ << _BIN_SHIFT, np.int32).view(np.float32))


def _bin_of(magnitude: float) -> int:
    return int(np.array(magnitude, np.float32).view(np.int32)) >> _BIN_SHIFT
