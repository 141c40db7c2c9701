"""Turn down the noise in what is taken from one recording, where that helps; else leave it as it was recorded.

The do-no-harm rule lives here: a treated version is used only when it measures better than the original.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.audio.measure.surveyor import Analysis, Surveyor
from worker.audio.measure.voiceprint import WINDOW_FRAMES as VOICE_FRAMES
from worker.audio.measure.voices import voice_kept
from worker.audio.scratch import Scratch
from worker.audio.tracks import ANALYSIS_RATE_HZ, WINDOW_FRAMES, Span, Tracks
from worker.audio.treat.capture import Capture
from worker.audio.treat.composition import Blocks, margin_frames
from worker.audio.treat.gate import SpectralGate
from worker.audio.treat.harm import Judgement, judge
from worker.audio.treat.mask import MaskDenoiser
from worker.audio.treat.policy import Denoising, Method

VOICE_WINDOWS: Final = 6  # stretches whose voice is compared before and after

Windows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Treated:
    """Where the chosen stretches of one recording are to be read now, and what was done to them.

    Attributes:
        signal: Holds the stretches.
        places: First frame and one past the last of each, in the order in which they were asked for; beside each lies
            what `composed` reads beyond its ends.
        tracks: The moments of all of them, joined in that order, as they are now.
        method, cap_db: What was done; `none` also where a treatment was tried and did not help.
        tried: What was tried, where something was.
        judgement: What came of it.
    """

    signal: Blocks
    places: tuple[tuple[int, int], ...]
    tracks: Tracks
    method: Method = "none"
    cap_db: float = 0.0
    tried: Denoising | None = None
    judgement: Judgement | None = None


def denoiser(method: Method, cap_db: float, recording: Scratch) -> Blocks:
    """Return the recording as a denoiser gives it out. Raises: ValueError: for a method that this machine lacks."""
    if method == "mask":
        return MaskDenoiser(recording, cap_db=cap_db)
    if method == "gate":
        return SpectralGate(recording, cap_db=cap_db)
    raise ValueError(f"there is no denoiser '{method}'")


def treat(
    capture: Capture,
    spans: Sequence[Span],
    before: Tracks,
    denoising: Denoising,
    scratch: Scratch,
    report: Callable[[float], None],
) -> Treated:
    """Denoise the stretches into `scratch` and return them; or the originals, where that is better.

    `before` are the moments of the stretches as recorded, joined in their order.
    """
    places = tuple(capture.place(span) for span in spans)
    untouched = Treated(capture.scratch, places, before)
    if denoising.method == "none":
        return untouched
    source = denoiser(denoising.method, denoising.cap_db, capture.scratch)
    listening = _Listening(scratch.rate_hz, before.gain)
    total = sum(end - start for start, end in places)
    moved: list[tuple[int, int]] = []
    margin = margin_frames(scratch.rate_hz)
    for start, end in places:
        first, past = scratch.frames + margin, scratch.frames + margin + end - start
        for block in source.blocks(start - margin, end + margin):
            begin = scratch.frames
            scratch.append(block)
            listening.add(block[:, max(first - begin, 0) : max(past - begin, 0)])
            report(min(scratch.frames / max(total, 1), 1.0))
        moved.append((first, past))
    after = listening.conclude()
    kept = _voice_kept(capture.scratch, places, scratch, moved, before)
    judgement = judge(before, after, kept)
    if not judgement.helped:
        return Treated(capture.scratch, places, before, tried=denoising, judgement=judgement)
    return Treated(scratch, tuple(moved), after, denoising.method, denoising.cap_db, denoising, judgement)


class _Listening:
    """The tracks of a stream at any rate, raised by the same factor as the recording was."""

    def __init__(self, rate_hz: int, gain: float) -> None:
        self._analysis, self._surveyor = Analysis(1, rate_hz), Surveyor()
        self._gain = np.float32(gain)

    def add(self, block: Windows, *, is_last: bool = False) -> None:
        samples = self._gain * self._analysis.take(block, is_last=is_last)[0]
        self._surveyor.add(samples, is_last=is_last)

    def conclude(self) -> Tracks:
        self.add(np.zeros((1, 0), np.float32), is_last=True)
        return self._surveyor.conclude()


def _voice_kept(
    plain: Scratch,
    places: Sequence[tuple[int, int]],
    treated: Scratch,
    moved: Sequence[tuple[int, int]],
    before: Tracks,
) -> float | None:
    """Return how alike the voice is before and after, by stretches that are almost all speech; None without any."""
    rate_hz, frames = plain.rate_hz, round(VOICE_FRAMES * plain.rate_hz / ANALYSIS_RATE_HZ)
    starts = _spoken_starts(before)
    pairs = [
        (_heard(plain, here, frames, rate_hz), _heard(treated, there, frames, rate_hz))
        for start in starts
        if (found := _located(round(start * rate_hz / ANALYSIS_RATE_HZ), frames, places, moved))
        for here, there in (found,)
    ]
    if not pairs:
        return None
    return voice_kept(np.stack([here for here, _ in pairs]), np.stack([there for _, there in pairs]))


def _spoken_starts(tracks: Tracks) -> list[int]:
    """Return where, in frames at 16 kHz, stretches begin that hold most speech, spread over the whole."""
    length = VOICE_FRAMES // WINDOW_FRAMES
    if tracks.windows < length:
        return []
    sums = np.convolve(tracks.speech, np.ones(length), "valid")
    parts = np.array_split(np.arange(sums.size), min(VOICE_WINDOWS, max(sums.size // length, 1)))
    best = [int(part[np.argmax(sums[part])]) for part in parts]
    return [index * WINDOW_FRAMES for index in best if sums[index] >= length / 2]


def _located(
    start: int, frames: int, places: Sequence[tuple[int, int]], moved: Sequence[tuple[int, int]]
) -> tuple[int, int] | None:
    """Return where a stretch of the joined sound lies in both signals; None where it runs over a joint."""
    position = 0
    for (here, end), (there, _past) in zip(places, moved, strict=True):
        if position <= start and start + frames <= position + end - here:
            return here + start - position, there + start - position
        position += end - here
    return None


def _heard(signal: Scratch, start: int, frames: int, rate_hz: int) -> Windows:
    samples = Analysis(1, rate_hz).take(signal.read(start, frames), is_last=True)[0]
    return np.pad(samples, (0, max(VOICE_FRAMES - samples.size, 0)))[:VOICE_FRAMES]
