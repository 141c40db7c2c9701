"""How far up the sound of a recording goes, whatever its rate promises: a telephone's voice ends below 4 kHz.

Of every second the frames with the strongest treble are kept as spectra, for there the voice goes highest. The edge
is where their spectrum ends; where noise goes on above it, the cliff between the two tells. It must not judge.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FRAME_S: Final = 2_048 / 48_000
FRAMES_PER_S: Final = 3
MAX_FRAMES: Final = 400  # 1.6 MB at 48 kHz
PAUSE_POWER: Final = 1e-3  # of the strongest frame: what is weaker is a second of pause and says nothing of the voice
SILENT_POWER: Final = 1e-9  # of a frame's first difference: digital silence, dither
QUANTILE: Final = 90.0
SMOOTHING_HZ: Final = 120.0
VOICE_HZ: Final = (200.0, 3_500.0)  # where the strongest of a voice lies
DEPTH_DB: Final = 65.0  # below that, nothing of a voice is heard
CLIFF_HZ: Final = 500.0
LOWEST_CLIFF_HZ: Final = 2_800.0  # below that, the vowels themselves fall as steeply
STEEP_DB: Final = 18.0  # more than a voice itself falls within 500 Hz; resamplers and codecs fall by 30 and more
LEVEL_ABOVE_DB: Final = 8.0  # what lies above a cliff may rise by this much; a voice rises by more

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Where the sound ends.

    Attributes:
        edge_hz: The highest frequency of the voice.
        cliff_db: The largest fall of the spectrum over 500 Hz; a resampler or a codec leaves one, a room does not.
    """

    edge_hz: float
    cliff_db: float


class BandwidthMeter:
    """Watches one mono stream at its own rate. Kept are at most 400 spectra, from all over the recording."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._frame = 1 << max(round(np.log2(rate_hz * FRAME_S)), 6)
        taper = np.hanning(self._frame + 1)[:-1]
        self._taper = (taper / np.sqrt(np.square(taper).sum())).astype(np.float32)
        self._rest: list[Samples] = []
        self._held = 0
        self._seconds = 0
        self._stride = 1  # of so many seconds one is kept
        self._kept: list[Samples] = []

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

    def result(self) -> Bandwidth | None:
        """Return the finding, or None where nothing sounds. Ends the stream."""
        if self._held:
            samples, self._rest, self._held = np.concatenate(self._rest), [], 0
            self._take(samples)
        if not self._kept:
            return None
        spectra = np.concatenate(self._kept)
        strengths = spectra.sum(axis=1)
        spectra = spectra[strengths >= strengths.max() * PAUSE_POWER]
        spectrum = np.percentile(spectra, QUANTILE, axis=0)
        bin_hz = self._rate_hz / self._frame
        width = max(round(SMOOTHING_HZ / bin_hz) | 1, 1)
        padded = np.pad(spectrum, width // 2, mode="edge")
        smooth = np.convolve(padded, np.full(width, 1 / width), "valid")
        return _find_edge(10 * np.log10(np.maximum(smooth, 1e-20)), bin_hz)

    def _take(self, samples: Samples) -> None:
        self._seconds += 1
        if (self._seconds - 1) % self._stride:
            return
        count = samples.size // self._frame
        if not count:
            return
        frames = samples[: count * self._frame].reshape(count, self._frame)
        steps = np.diff(frames, axis=1)
        powers = np.einsum("cf,cf->c", steps, steps) / self._frame
        chosen = np.argsort(powers, kind="stable")[-FRAMES_PER_S:]
        chosen = chosen[powers[chosen] > SILENT_POWER]
        if not chosen.size:
            return
        spectra = np.fft.rfft(frames[chosen] * self._taper, axis=1)
        self._kept.append(np.square(spectra.real) + np.square(spectra.imag))
        if len(self._kept) * FRAMES_PER_S > MAX_FRAMES:
            self._kept, self._stride = self._kept[::2], 2 * self._stride


def _find_edge(levels_db: npt.NDArray[np.float64], bin_hz: float) -> Bandwidth | None:
    """Find where a smooth spectrum, one level a bin from 0 Hz on, ends."""
    low, high = (round(hz / bin_hz) for hz in VOICE_HZ)
    peak_db = float(levels_db[low : max(high, low + 1)].max(initial=-200.0))
    if peak_db <= -200.0:
        return None
    edge = int(np.flatnonzero(levels_db >= peak_db - DEPTH_DB)[-1])
    over = max(round(CLIFF_HZ / bin_hz), 1)
    low = round(LOWEST_CLIFF_HZ / bin_hz)
    falls = levels_db[low:-over] - levels_db[low + over :]
    if not falls.size:
        return Bandwidth(edge * bin_hz, 0.0)
    top = int(np.argmax(falls))
    cliff_db = max(float(falls[top]), 0.0)
    foot_db = float(levels_db[low + top + over])
    rises = float(levels_db[low + top + over :].max()) > foot_db + LEVEL_ABOVE_DB
    if cliff_db >= STEEP_DB and not rises:
        slope = levels_db[low + top : low + top + over]
        edge = min(edge, low + top + int(np.flatnonzero(slope >= foot_db + cliff_db / 2)[-1]))
    return Bandwidth(edge * bin_hz, cliff_db)
