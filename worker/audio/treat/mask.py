"""Noise turned down by what RNNoise thinks of each bin of the spectrum, and never by more than a cap.

RNNoise hears a copy at 48 kHz; the recording itself is never resampled. How much of each bin the network left is the
gain that the recording's own spectrum gets, so the phase stays the speaker's own, and a word that the network misses
loses the cap instead of vanishing. On real voices in real noise this was better at every noise level than the network's
own output or a mixture of both (PESQ and similarity of voice, 2026-11).
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

import numpy as np
import soxr

from worker.audio.beside import ahead
from worker.audio.scratch import Mono, Scratch
from worker.audio.treat import rnnoise
from worker.audio.treat.rnnoise import Samples
from worker.audio.treat.short_time import Powers, ShortTime, Spectrum, power

# Heard before the first sample that is used, for the network needs a moment to know the noise. At the beginning of a
# recording its first second is heard backwards: PESQ is higher by 0.02 than after silence (2026-11).
PREROLL_S: Final = 1.0
CHUNK_S: Final = 4.0
# RNNoise hardly knows what lies above: it takes 3 dB off 16 to 20 kHz and everything above. The bins below it stand in.
KNOWN_HZ: Final = 16_000.0
STAND_IN_HZ: Final = (12_000.0, KNOWN_HZ)


class MaskDenoiser:
    """A mask for any part of one recording. The same part gives the same samples, bit for bit.

    Every call of `blocks` has a network of its own, which goes through the part once, from front to back.
    """

    def __init__(self, recording: Scratch, *, cap_db: float, chunk_s: float = CHUNK_S) -> None:
        """Take at most `cap_db` off. Raises: ValueError: where RNNoise is missing; ask `rnnoise.is_available`."""
        if not rnnoise.is_available():
            raise ValueError("there is no RNNoise on this system")
        self._recording = recording
        self._transform = ShortTime(recording.rate_hz)
        self._floor = np.float32(10 ** (-cap_db / 20))
        hop = self._transform.hop
        self._chunk = max(round(chunk_s * recording.rate_hz / hop), 1) * hop
        self._known, self._stand_in = _bands(recording.rate_hz, self._transform.frame)

    def blocks(self, start: int, end: int) -> Iterator[Mono]:
        """Yield the denoised samples from `start` to `end` of the recording, shape (1, frames)."""
        margin = self._transform.frame  # the frames that overlap the edge
        with closing(ahead(self._heard(start, end))) as chunks:
            for begin, (samples, heard) in zip(range(start, end, self._chunk), chunks, strict=True):
                spectrum = self._transform.spectrum(samples)
                spectrum *= self._gains(spectrum, self._transform.spectrum(heard))
                count = min(self._chunk, end - begin)
                yield self._transform.samples(spectrum, samples.shape[1])[:, margin : margin + count]

    def _heard(self, start: int, end: int) -> Iterator[tuple[Mono, Mono]]:
        """Yield every chunk with its margins, as it is and as RNNoise gives it out."""
        margin = self._transform.frame
        listener = _Listener(self._recording, start - margin)
        heard = listener.read(2 * margin)
        for begin in range(start, end, self._chunk):
            count = min(self._chunk, end - begin)
            whole = -(-count // self._transform.hop) * self._transform.hop
            heard = np.concatenate((heard[:, -2 * margin :], listener.read(whole)), axis=1)
            yield self._recording.read(begin - margin, whole + 2 * margin), heard

    def _gains(self, spectrum: Spectrum, heard: Spectrum) -> Powers:
        """Return how much of each bin stays, from the floor to 1, a little smoothed over the bins.

        Smoothed over time, too, it measured the same: the frames overlap fourfold.
        """
        gains = power(heard)
        gains /= power(spectrum)
        np.sqrt(gains, out=gains)
        np.clip(gains, self._floor, 1.0, out=gains)
        if self._known < gains.shape[1]:
            gains[:, self._known :] = gains[:, self._stand_in : self._known].mean(axis=1, keepdims=True)
        smooth = np.copy(gains)  # in the order of its memory
        smooth[:, 1:-1] += gains[:, :-2]
        smooth[:, 1:-1] += gains[:, 2:]
        smooth[:, 1:-1] /= np.float32(3.0)
        return smooth


class _Listener:
    """RNNoise on its way through a recording: its answer at the recording's own rate and without its delay."""

    def __init__(self, recording: Scratch, start: int) -> None:
        network = rnnoise.create()
        assert network is not None  # asked before the denoiser was made
        preroll = round(PREROLL_S * recording.rate_hz)
        self._network = network
        self._recording = recording
        self._position = start - preroll
        rate_hz, known_hz = recording.rate_hz, rnnoise.RATE_HZ
        is_same = rate_hz == known_hz
        self._up = None if is_same else soxr.ResampleStream(rate_hz, known_hz, 1, dtype="float32", quality="MQ")
        self._down = None if is_same else soxr.ResampleStream(known_hz, rate_hz, 1, dtype="float32", quality="MQ")
        self._rest = np.zeros(0, np.float32)
        self._late = rnnoise.delay_frames()
        self._answer = np.zeros((1, 0), np.float32)
        self.read(preroll)

    def read(self, count: int) -> Mono:
        """Return the next `count` samples of the answer, shape (1, count)."""
        while (missing := count - self._answer.shape[1]) > 0:
            self._feed(self._next(max(missing, self._recording.rate_hz // 20)))
        taken, self._answer = self._answer[:, :count], self._answer[:, count:]
        return taken

    def _next(self, count: int) -> Samples:
        """Return the recording's next samples, shape (count,), with what lies before its beginning mirrored there."""
        samples: Samples = self._recording.read(self._position, count)[0]
        before = min(max(-self._position, 0), count)
        if before:
            nearest = -self._position - before
            samples[:before] = self._recording.read(nearest, before)[0, ::-1]
        self._position += count
        return samples

    def _feed(self, samples: Samples) -> None:
        if self._up is not None:
            samples = self._up.resample_chunk(samples)
        samples = np.concatenate((self._rest, samples))
        whole = samples.size // rnnoise.FRAME_FRAMES * rnnoise.FRAME_FRAMES
        self._rest = samples[whole:]
        answer = self._network.process(samples[:whole])
        late = min(self._late, answer.size)
        self._late -= late
        answer = answer[late:]
        if self._down is not None:
            answer = self._down.resample_chunk(answer)
        self._answer = np.concatenate((self._answer, answer[None]), axis=1)


def _bands(rate_hz: int, frame: int) -> tuple[int, int]:
    """Return the first bin that RNNoise does not know, and the first of those that stand in for it and all above."""
    stand_in, known = (round(hz * frame / rate_hz) for hz in STAND_IN_HZ)
    return known, stand_in
