"""What is known of a recording at every moment of it, small enough to keep: the ground of every judgement.

A mono signal at 16 kHz, high-passed, becomes three tracks: level and likelihood of speech of every 32 ms, and the power
in 32 bands of every 16 ms. An hour is 15 MB. How noisy, how echoing, how pausing a recording is, and which of its
stretches is the best one, are pure functions of tracks or of a part of them; nothing is judged in here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

ANALYSIS_RATE_HZ: Final = 16_000
WINDOW_FRAMES: Final = 512
WINDOW_S: Final = WINDOW_FRAMES / ANALYSIS_RATE_HZ
HOP_FRAMES: Final = 256
HOP_S: Final = HOP_FRAMES / ANALYSIS_RATE_HZ
HOPS_PER_WINDOW: Final = WINDOW_FRAMES // HOP_FRAMES
BANDS: Final = 32
BAND_RANGE_HZ: Final = (80.0, 7_600.0)
SPEECH_PROBABILITY: Final = 0.5
NOTHING_DB: Final = -100.0  # digital silence, after the filters' ringing

SpeechBy = Literal["silero", "energy"]
Track = npt.NDArray[np.float32]
Bands = npt.NDArray[np.float16]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a recording, in seconds from its beginning."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Tracks:
    """The moments of one recording, or of parts of it joined.

    Attributes:
        levels_db: Power of every 32 ms in dB re full scale (mean square of 1.0), NOTHING_DB or more; shape (windows,).
        speech: How likely each window is speech, 0 to 1; shape (windows,).
        listened: Where that was judged by a model that hears voices; elsewhere the level stands in; shape (windows,).
        bands_db: Mean power spectral value of 32 mel-spaced bands in dB, one row each 16 ms, its frame 32 ms long and
            beginning with the row; shape (hops, BANDS), hops being twice the windows.
        by: What judged the speech.
        gain: The factor by which a quiet recording was raised to be listened to; all levels are of what was heard.
    """

    levels_db: Track
    speech: Track
    listened: Flags
    bands_db: Bands
    by: SpeechBy
    gain: float = 1.0

    @property
    def windows(self) -> int:
        return self.levels_db.size

    @property
    def duration_s(self) -> float:
        """Seconds covered by windows: up to 16 ms less or 16 ms more than the recording has."""
        return self.windows * WINDOW_S

    @property
    def spoken(self) -> Flags:
        """The windows that hold speech, shape (windows,)."""
        return self.speech >= SPEECH_PROBABILITY

    def part(self, span: Span) -> "Tracks":
        """Return the windows that lie in a stretch, to the nearest one; empty outside of the recording."""
        first = min(max(round(span.start_s / WINDOW_S), 0), self.windows)
        past = min(max(round(span.end_s / WINDOW_S), first), self.windows)
        return Tracks(
            self.levels_db[first:past],
            self.speech[first:past],
            self.listened[first:past],
            self.bands_db[first * HOPS_PER_WINDOW : past * HOPS_PER_WINDOW],
            self.by,
            self.gain,
        )


def join(parts: Iterable[Tracks]) -> Tracks:
    """Return parts as one, in their order. Raises: ValueError: for no parts."""
    several = list(parts)
    if not several:
        raise ValueError("nothing to join")
    if len(several) == 1:
        return several[0]
    return Tracks(
        np.concatenate([each.levels_db for each in several]),
        np.concatenate([each.speech for each in several]),
        np.concatenate([each.listened for each in several]),
        np.concatenate([each.bands_db for each in several]),
        several[0].by,
        several[0].gain,
    )
