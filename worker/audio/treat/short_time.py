"""The short-time spectrum in which noise is turned down, with one grid of frames for a recording's rate.

Frames are about 32 ms long, a power of two, and four cover every sample: the gains of four frames are averaged in each
sample, which is smooth enough to be heard as no gain at all. It is librosa's transform, frame by frame and number by
number; the mask makes it without librosa, which takes 1.5 s to load, three times as long as the transform of a minute.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from worker.audio.scratch import Mono

FRAME_S: Final = 0.032
HOPS_PER_FRAME: Final = 4

Spectrum = npt.NDArray[np.complex64]
Powers = npt.NDArray[np.float32]

_TINY_POWER: Final = np.float32(1e-15)


class ShortTime:
    """Forth and back between samples, shape (1, frames), and spectra, shape (1, bins, hops)."""

    def __init__(self, rate_hz: int) -> None:
        self.frame = 2 ** round(np.log2(rate_hz * FRAME_S))
        self.hop = self.frame // HOPS_PER_FRAME
        self._window = np.hanning(self.frame + 1)[:-1].astype(np.float32)

    def spectrum(self, samples: Mono) -> Spectrum:
        """Return the spectra of the frames that lie wholly within the samples, the first beginning with them."""
        frames = np.lib.stride_tricks.sliding_window_view(samples[0], self.frame)[:: self.hop]
        return np.asarray(np.fft.rfft(frames * self._window, axis=1).T[None], np.complex64)

    def samples(self, spectrum: Spectrum, length: int) -> Mono:
        """Return `length` samples; those of the outer frames, which fewer than four cover, are less exact."""
        frames = np.fft.irfft(spectrum[0].T, self.frame, axis=1) * self._window
        hops = len(frames)
        sums = np.zeros((2, hops + HOPS_PER_FRAME - 1, self.hop), np.float32)
        parts = frames.reshape(hops, HOPS_PER_FRAME, self.hop)
        weights = np.square(self._window).reshape(HOPS_PER_FRAME, self.hop)
        for number in range(HOPS_PER_FRAME):
            sums[0, number : number + hops] += parts[:, number]
            sums[1, number : number + hops] += weights[number]
        covered = sums[1] > np.finfo(np.float32).tiny
        np.divide(sums[0], sums[1], out=sums[0], where=covered)
        found = sums[0].reshape(1, -1)[:, :length]
        return np.pad(found, ((0, 0), (0, length - found.shape[1])))


class LibrosaShortTime(ShortTime):
    """The same by librosa itself, which the first one loads: seconds and 150 MB."""

    def __init__(self, rate_hz: int) -> None:
        import librosa

        super().__init__(rate_hz)
        self._librosa: Any = librosa

    @override
    def spectrum(self, samples: Mono) -> Spectrum:
        found = self._librosa.stft(samples, n_fft=self.frame, hop_length=self.hop, center=False)
        return np.asarray(found, np.complex64)

    @override
    def samples(self, spectrum: Spectrum, length: int) -> Mono:
        found = self._librosa.istft(spectrum, hop_length=self.hop, n_fft=self.frame, center=False, length=length)
        return np.asarray(found, np.float32)


def power(spectrum: Spectrum) -> Powers:
    """Return the power of each bin, never zero, so that it can be divided by and its logarithm taken."""
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag) + _TINY_POWER, np.float32)
