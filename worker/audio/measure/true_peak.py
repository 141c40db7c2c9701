"""The peak of the waveform between the samples, after ITU-R BS.1770-4, annex 2: sample peaks may lie 3 dB under it."""

from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from worker.audio.decibels import amplitude_to_db

OVERSAMPLING: Final = 4  # at 48 kHz this misses peaks by 0.6 dB at the most
MARGIN_FRAMES: Final = 64  # on both sides of a stretch, for the interpolation filter
STRETCH_FRAMES: Final = 4_096
# Between two samples the waveform of a voice rises by 3 dB at the most; so a stretch whose samples stay 6 dB under the
# highest peak so far need not be looked at more closely. That is most of any recording.
WORTH_A_LOOK: Final = 0.5


class TruePeakMeter:
    """Measures a mono stream."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._held: npt.NDArray[np.float32] = np.zeros(MARGIN_FRAMES, np.float32)  # margin, then what is not looked at
        self._peak = 0.0

    def add(self, block: npt.NDArray[np.float32]) -> None:
        """Take the next block, shape (1, frames)."""
        samples = np.concatenate((self._held, block[0]))
        position = MARGIN_FRAMES
        while position + STRETCH_FRAMES + MARGIN_FRAMES <= samples.size:
            self._look(samples, position, position + STRETCH_FRAMES)
            position += STRETCH_FRAMES
        self._held = samples[position - MARGIN_FRAMES :].copy()

    def conclude(self) -> float:
        """Return the true peak in dBTP; the end of the stream is what was added last."""
        samples = np.pad(self._held, (0, MARGIN_FRAMES))
        self._look(samples, MARGIN_FRAMES, self._held.size)
        return amplitude_to_db(self._peak)

    def _look(self, samples: npt.NDArray[np.float32], first: int, past: int) -> None:
        stretch = samples[first:past]
        if not stretch.size:
            return
        peak = max(float(stretch.max()), -float(stretch.min()))
        if peak <= WORTH_A_LOOK * self._peak:
            return
        around = samples[first - MARGIN_FRAMES : past + MARGIN_FRAMES]
        fine = soxr.resample(around, self._rate_hz, OVERSAMPLING * self._rate_hz, quality="MQ")
        fine = fine[OVERSAMPLING * MARGIN_FRAMES : OVERSAMPLING * (MARGIN_FRAMES + stretch.size)]
        self._peak = max(self._peak, peak, float(fine.max(initial=0.0)), -float(fine.min(initial=0.0)))
