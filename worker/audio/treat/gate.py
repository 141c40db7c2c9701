"""A light spectral gate: steady noise is turned down where no voice stands above it, by 12 dB at the most.

Each bin of the short-time spectrum is compared with its own noise level (the 20th percentile over the recording) and
fades in around 6 dB above it. The phase stays the speaker's own, and a sound that is missed loses 12 dB instead of
vanishing; stronger gates damage a clone more than the noise does. librosa is loaded when the first gate is made.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from worker.audio.scratch import Mono, Scratch
from worker.audio.treat.short_time import Powers, ShortTime, Spectrum, power

FLOOR_DB: Final = -12.0
NOISE_PERCENTILE: Final = 20.0
OPEN_DB: Final = 6.0  # a bin this far above its noise is half open
SLOPE_DB: Final = 2.0
SMOOTHING: Final = (5, 3)  # bins, frames
STRETCHES, STRETCH_FRAMES = 50, 30  # the noise profile's sample, spread evenly: 12 s of sound, 6 MB of spectrum
CHUNK_S: Final = 4.0
SILENCE_DB: Final = -130.0

_DB_PER_NEPER: Final = np.float32(10 / np.log(10))  # of power; numpy's log is faster than its log10


class SpectralGate:
    """A gate with the noise profile of one recording.

    Chunks are cut on one grid of frames for the whole recording and with enough overlap that every sample sees all
    its frames and every frame its neighbours, so the result does not depend on where the chunks begin.
    """

    def __init__(self, recording: Scratch, *, cap_db: float = -FLOOR_DB, chunk_s: float = CHUNK_S) -> None:
        """Take at most `cap_db` off."""
        self._recording = recording
        self._transform = ShortTime(recording.rate_hz)
        self._floor = np.float32(10 ** (-cap_db / 20))
        hop = self._transform.hop
        self._chunk = max(round(chunk_s * recording.rate_hz / hop), 1) * hop
        self._noise_db = self._profile()

    def blocks(self, start: int, end: int) -> Iterator[Mono]:
        """Yield the gated samples from `start` to `end` of the recording, shape (1, frames)."""
        margin = (
            2 * self._transform.frame
        )  # the frames that overlap the edge, one more for smoothing, and what those overlap
        for begin in range(start - start % self._chunk, end, self._chunk):
            origin = begin - margin
            samples = self._recording.read(origin, self._chunk + 2 * margin)
            spectrum = self._transform.spectrum(samples)
            spectrum *= self._gains(spectrum)
            gated = self._transform.samples(spectrum, samples.shape[1])
            first, past = max(begin, start), min(begin + self._chunk, end)
            yield gated[:, first - origin : past - origin]

    def _gains(self, spectrum: Spectrum) -> Powers:
        above_db = _level_db(spectrum) - self._noise_db[None, :, None]
        import scipy.ndimage  # a fifth of a second, paid only where there is no RNNoise

        openness = (1 + np.tanh((above_db - OPEN_DB) / (2 * SLOPE_DB))) / 2
        smooth = scipy.ndimage.uniform_filter(openness, size=(1, *SMOOTHING), mode="nearest")
        return np.asarray(self._floor + (1 - self._floor) * smooth, np.float32)

    def _profile(self) -> Powers:
        """Return the noise level of each bin in dB, from stretches all over the recording but for digital silence."""
        frame, hop = self._transform.frame, self._transform.hop
        frames = max((self._recording.frames - frame) // hop + 1, 1)
        count = min(-(-frames // STRETCH_FRAMES), STRETCHES)
        span = (STRETCH_FRAMES - 1) * hop + frame
        starts = np.linspace(0, max(frames - STRETCH_FRAMES, 0), count).astype(np.int64) * hop
        levels = [_level_db(self._transform.spectrum(self._recording.read(int(start), span)))[0] for start in starts]
        table = np.concatenate(levels, axis=1)
        sounding = table.max(axis=0) > SILENCE_DB
        return np.asarray(np.percentile(table[:, sounding] if sounding.any() else table, NOISE_PERCENTILE, axis=1))


def _level_db(spectrum: Spectrum) -> Powers:
    return np.asarray(_DB_PER_NEPER * np.log(power(spectrum)), np.float32)
