"""Everything that is measured of a mono signal at its own rate, in one pass.

What is made of a long recording is nothing but cuts of it, raised: how loud it is follows from what was measured of the
recording, and where it ends and what was clipped in it is looked at in places only (`worker.audio.measure.rota`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worker.audio.decibels import amplitude_to_db, power_to_db
from worker.audio.measure import rota
from worker.audio.measure.bandwidth import BandwidthMeter
from worker.audio.measure.clipping import Clipping, ClippingMeter
from worker.audio.measure.hops import Powers
from worker.audio.measure.levels import LevelMeter
from worker.audio.measure.loudness import LoudnessMeter, integrated_lufs
from worker.audio.measure.peaks import PeakMeter, Peaks
from worker.audio.measure.true_peak import TruePeakMeter
from worker.audio.scratch import Mono


@dataclass(frozen=True, slots=True)
class Sound:
    """Levels and defects of a signal.

    Attributes:
        offset: Its mean value (DC), which the levels and the outline leave out.
        sampled_s: Of how many seconds clipping and bandwidth were taken; None where of all.
        loudness_steps: What its loudness comes from, see `worker.audio.measure.loudness`.
    """

    duration_s: float
    offset: float
    peak_dbfs: float
    rms_dbfs: float
    loudness_lufs: float | None
    true_peak_dbtp: float
    clipping: Clipping
    bandwidth_hz: float | None
    peaks: Peaks
    flat_tops_per_s: npt.NDArray[np.int32]
    sampled_s: float | None
    loudness_steps: Powers


class SoundMeter:
    """Measures one signal, a block at a time; what is kept grows by 44 bytes a second."""

    def __init__(self, rate_hz: int, *, steps: Powers | None = None) -> None:
        """Take the steps of its loudness where they are known: it is spared then what was measured before."""
        self._rate_hz = rate_hz
        self._steps = steps
        self._frames = 0
        self._sampled = 0
        self._levels = LevelMeter(1)
        self._loudness = LoudnessMeter(1, rate_hz)
        self._true_peak = TruePeakMeter(rate_hz)
        self._clipping = ClippingMeter(rate_hz)
        self._bandwidth = BandwidthMeter(rate_hz)
        self._peaks = PeakMeter(1)

    @property
    def duration_s(self) -> float:
        return self._frames / self._rate_hz

    def add(self, block: Mono) -> None:
        """Take the next block, shape (1, frames)."""
        block = np.ascontiguousarray(block)
        is_sampled = self._steps is None or rota.is_heard(self.duration_s)
        self._frames += block.shape[1]
        self._levels.add(block)
        self._true_peak.add(block)
        self._peaks.add(block)
        if self._steps is None:
            self._loudness.add(block)
        if is_sampled:
            self._sampled += block.shape[1]
            self._clipping.add(block)
            self._bandwidth.add(block)

    def result(self) -> Sound:
        """Return what was measured so far; call it once, at the end."""
        bandwidth = self._bandwidth.result()
        offset = self._levels.offset(0)
        steps = self._loudness.steps() if self._steps is None else self._steps
        return Sound(
            duration_s=self.duration_s,
            offset=offset,
            peak_dbfs=amplitude_to_db(self._levels.peak(0)),
            rms_dbfs=power_to_db(self._levels.power(0)),
            loudness_lufs=integrated_lufs(steps),
            true_peak_dbtp=self._true_peak.conclude(),
            clipping=self._clipping.result(),
            bandwidth_hz=bandwidth.edge_hz if bandwidth else None,
            peaks=self._peaks.peaks(offset=offset),
            flat_tops_per_s=self._clipping.flat_tops_per_s,
            sampled_s=self._sampled / self._rate_hz if self._sampled < self._frames else None,
            loudness_steps=steps,
        )
