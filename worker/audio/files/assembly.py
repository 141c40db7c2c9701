"""Gather a decoder's frames, of any sample format and length, into float32 blocks of one second.

The first frame sets rate and channels. A later frame that differs is converted to them, and the change is told of as
a warning. Runs in the decoding child; must not judge the sound.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

# What one step of each sample format that PyAV hands over as an array is worth, and where its zero lies.
_SCALES: Final = {"u8": 2.0**-7, "s16": 2.0**-15, "s32": 2.0**-31, "flt": 1.0, "dbl": 1.0}
_ZEROS: Final = {"u8": 128}
_LAYOUTS: Final = {1: "mono", 2: "stereo"}  # a file that does not name its layout has the usual one

Samples = npt.NDArray[np.float32]


class Assembler:
    """Blocks out of frames. The yielded arrays have shape (channels, frames) and are used again by the next one."""

    def __init__(self, first: AudioFrame) -> None:
        self.rate_hz = first.sample_rate
        self.channels = first.layout.nb_channels
        self.warnings: list[str] = []
        self._layout = _LAYOUTS.get(self.channels, first.layout.name)
        self._block: Samples = np.empty((self.channels, self.rate_hz), np.float32)
        self._filled = 0
        self._converter: AudioResampler | None = None
        self._converts: tuple[int, str, str] | None = None

    def add(self, frame: AudioFrame) -> Iterator[Samples]:
        """Take one frame; yield the blocks that it completes."""
        alike = frame.sample_rate == self.rate_hz and frame.layout.nb_channels == self.channels
        if alike and frame.format.name.removesuffix("p") in _SCALES:
            yield from self._end_conversion()
            yield from self._append(frame)
            return
        if not alike:
            self._note_change()
        shape = (frame.sample_rate, frame.layout.name, frame.format.name)
        if self._converts != shape:
            yield from self._end_conversion()
            self._converts = shape
            self._converter = AudioResampler(format="fltp", layout=self._layout, rate=self.rate_hz)
        assert self._converter is not None
        for converted in self._converter.resample(frame):
            yield from self._append(converted)

    def finish(self) -> Iterator[Samples]:
        """Yield what is left: at most two blocks, the last one shorter than a second."""
        yield from self._end_conversion()
        if self._filled:
            yield self._block[:, : self._filled]
            self._filled = 0

    def _end_conversion(self) -> Iterator[Samples]:
        converter, self._converter, self._converts = self._converter, None, None
        if converter is not None:
            for converted in converter.resample(None):
                yield from self._append(converted)

    def _append(self, frame: AudioFrame) -> Iterator[Samples]:
        samples = frame.to_ndarray()
        name = frame.format.name.removesuffix("p")
        if not frame.format.is_planar:
            samples = samples.reshape(-1, self.channels).T
        taken = 0
        while taken < samples.shape[1]:
            count = min(samples.shape[1] - taken, self.rate_hz - self._filled)
            target = self._block[:, self._filled : self._filled + count]
            with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, and that is refused later
                target[:] = samples[:, taken : taken + count]
            if name in _ZEROS:
                target -= _ZEROS[name]
            if _SCALES[name] != 1.0:
                target *= _SCALES[name]
            taken += count
            self._filled += count
            if self._filled == self.rate_hz:
                self._filled = 0
                yield self._block

    def _note_change(self) -> None:
        text = "changed: rate or channels change within the file; all of it was converted to those of its beginning"
        if text not in self.warnings:
            self.warnings.append(text)
