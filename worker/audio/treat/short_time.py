"""The short-time spectrum in which noise is turned down: librosa's, with one grid of frames for a recording's rate.

Frames are about 32 ms long, a power of two, and four cover every sample: the gains of four frames are averaged in each
sample, which is smooth enough to be heard as no gain at all. librosa is loaded by the first one that is made.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from worker.audio.scratch import Mono

FRAME_S: Final = 0.032
HOPS_PER_FRAME: Final = 4

Spectrum = npt.NDArray[np.complex64]
Powers = npt.NDArray[np.float32]

_TINY_POWER: Final = np.float32(1e-15)


class ShortTime:
    """Forth and back between samples, shape (1, frames), and spectra, shape (1, bins, hops)."""

    def __init__(self, rate_hz: int) -> None:
        import librosa  # seconds and 150 MB, paid only by the recordings that need it

        self._librosa: Any = librosa
        self.frame = 2 ** round(np.log2(rate_hz * FRAME_S))
        self.hop = self.frame // HOPS_PER_FRAME

    def spectrum(self, samples: Mono) -> Spectrum:
        """Return the spectra of the frames that lie wholly within the samples, the first beginning with them."""
        found = self._librosa.stft(samples, n_fft=self.frame, hop_length=self.hop, center=False)
        return np.asarray(found, np.complex64)

    def samples(self, spectrum: Spectrum, length: int) -> Mono:
        """Return `length` samples; those of the outer frames, which fewer than four cover, are less exact."""
        found = self._librosa.istft(spectrum, hop_length=self.hop, n_fft=self.frame, center=False, length=length)
        return np.asarray(found, np.float32)


def power(spectrum: Spectrum) -> Powers:
    """Return the power of each bin, never zero, so that it can be divided by and its logarithm taken."""
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag) + _TINY_POWER, np.float32)
