"""Say how good stretches of a recording are to clone a voice from, in points that can be compared between recordings.

Many stretches at once, from sums that are made once: an hour has thousands of candidates. Weights are those that chose
best on composites of clean, noisy, clipped and foreign speech (2026-11). It must not choose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.audio.measure.snr import local_snr_db
from worker.audio.tracks import SPEECH_PROBABILITY, WINDOW_S, Span, Tracks

SNR_POINTS: Final = 3.0
BEST_SNR_DB: Final = 35.0  # more is not heard
SNR_QUANTILE: Final = 0.2  # a stretch is as good as its worse parts
EDGE_S: Final = 0.7  # so far inside its ends the noise of a stretch is asked for
SPEECH_POINTS: Final = 1.5
ENOUGH_SPEECH: Final = 0.9
CLIPPED_POINTS: Final = 1.0  # for any clipped second; clean recordings have none ...
CLIPPED_SHARE_POINTS: Final = 4.0  # ... and this much more for nothing but such
NOISE_POINTS: Final = 3.0  # for the share of windows that are loud and no speech
LOUD_DB: Final = 15.0  # at most so far under the voice
NO_SPEECH_PROBABILITY: Final = 0.2
PAUSE_POINTS_PER_S: Final = 0.8
LONG_PAUSE_S: Final = 0.6
LENGTH_POINTS: Final = 1.5  # for a length of nothing or of twice the best
LEVEL_POINTS_PER_DB: Final = 0.05
LIKELY_POINTS: Final = 1.0
MOST_POINTS: Final = SNR_POINTS + SPEECH_POINTS * ENOUGH_SPEECH + LIKELY_POINTS
FOREIGN_POINTS: Final = 10.0  # so that any other stretch is better
FOREIGN_S: Final = 0.1  # less is the uncertainty of where a voice begins

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Merits:
    """What a stretch got its points for; costs are negative.

    Attributes:
        snr: How far the voice stands over the noise, in the worse parts.
        speech: Share of speech.
        likely: How much like speech the speech is: singing is less.
        flat_tops: Clipping.
        noise: What is loud and no speech.
        pause: The longest pause.
        length: Distance from the best length.
        level: Distance from the usual level of the recording.
        foreign: Another voice.
        cuts: Edges that do not lie in a pause.
    """

    snr: float
    speech: float
    likely: float
    flat_tops: float
    noise: float
    pause: float
    length: float
    level: float
    foreign: float
    cuts: float


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Stretches of a recording, all arrays of shape (n,).

    Attributes:
        starts_s: Where they begin, increasing.
        ends_s: Where they end.
        pauses_s: The longest pause within each.
        cuts: What their edges cost, 0 for both in pauses.
    """

    starts_s: Numbers
    ends_s: Numbers
    pauses_s: Numbers
    cuts: Numbers


class Grounds:
    """What is known of a recording, added up from its beginning, so that any stretch of it is judged by differences.

    Args:
        tracks: Of the recording.
        flat_tops_per_s: Clipped samples of every second; None where that was not counted.
        foreign: Where another than the main voice speaks.
    """

    def __init__(
        self, tracks: Tracks, flat_tops_per_s: npt.NDArray[np.integer] | None, foreign: Sequence[Span]
    ) -> None:
        spoken = tracks.speech >= SPEECH_PROBABILITY
        levels_db = tracks.levels_db[spoken]
        self.usual_db = float(np.median(levels_db)) if levels_db.size else 0.0
        loud = (tracks.speech < NO_SPEECH_PROBABILITY) & (tracks.levels_db > self.usual_db - LOUD_DB)
        voiced = tracks.speech >= NO_SPEECH_PROBABILITY
        self._spoken = _sums(spoken)
        self._levels_db = _sums(np.where(spoken, tracks.levels_db, 0.0))
        self._loud = _sums(loud)
        self._voiced = _sums(voiced)
        self._likely = _sums(np.where(voiced, tracks.speech, 0.0))
        self._foreign = _sums(_marked(foreign, tracks.windows))
        self._snr_db = np.clip(local_snr_db(tracks), 0.0, BEST_SNR_DB)
        tops = np.zeros(self._snr_db.size) if flat_tops_per_s is None else flat_tops_per_s[: self._snr_db.size]
        self._clipped = _sums(np.pad(tops > 0, (0, self._snr_db.size - tops.size)))

    def judge(self, candidates: Candidates, best_s: float) -> Numbers:
        """Return the points of each candidate for each of the fields of Merits, shape (n, fields)."""
        lengths_s = candidates.ends_s - candidates.starts_s
        first = np.rint(candidates.starts_s / WINDOW_S).astype(np.int64)
        past = np.clip(np.rint(candidates.ends_s / WINDOW_S).astype(np.int64), first + 1, self._spoken.size - 1)
        first = np.minimum(first, past - 1)
        windows = past - first
        spoken = self._spoken[past] - self._spoken[first]
        voiced = self._voiced[past] - self._voiced[first]
        likely = (self._likely[past] - self._likely[first]) / np.maximum(voiced, 1)
        level_db = (self._levels_db[past] - self._levels_db[first]) / np.maximum(spoken, 1)
        foreign_s = (self._foreign[past] - self._foreign[first]) * WINDOW_S
        is_foreign = foreign_s > FOREIGN_S
        snr_db, clipped = self._by_second(candidates)
        points = (
            SNR_POINTS * snr_db / BEST_SNR_DB,
            SPEECH_POINTS * np.minimum(spoken / windows, ENOUGH_SPEECH),
            LIKELY_POINTS * likely,
            -(CLIPPED_POINTS * (clipped > 0) + CLIPPED_SHARE_POINTS * clipped),
            -NOISE_POINTS * (self._loud[past] - self._loud[first]) / windows,
            -PAUSE_POINTS_PER_S * np.maximum(candidates.pauses_s - LONG_PAUSE_S, 0.0),
            -LENGTH_POINTS * np.abs(lengths_s - best_s) / best_s,
            -LEVEL_POINTS_PER_DB * np.abs(level_db - self.usual_db),
            -FOREIGN_POINTS * (is_foreign + np.where(is_foreign, foreign_s / np.maximum(lengths_s, FOREIGN_S), 0.0)),
            -candidates.cuts,
        )
        return np.stack(points, axis=1)

    def _by_second(self, candidates: Candidates) -> tuple[Numbers, Numbers]:
        """Return the low quantile of the SNR and the share of clipped seconds of each candidate."""
        last = self._snr_db.size
        # What is known of a second is known of the 4 s around it: the outermost would speak of what lies beside.
        first = np.clip(np.rint(candidates.starts_s + EDGE_S).astype(np.int64), 0, last - 1)
        past = np.clip(np.rint(candidates.ends_s - EDGE_S).astype(np.int64), first + 1, last)
        begin, end = int(first.min()), int(past.max())
        snr_db = np.zeros(first.size)
        for length in np.unique(past - first):
            rows = past - first == length
            every = np.lib.stride_tricks.sliding_window_view(self._snr_db[begin:end], int(length))
            rank = int(SNR_QUANTILE * (length - 1))
            snr_db[rows] = np.partition(every, rank, axis=1)[:, rank][first[rows] - begin]
        whole_first = np.floor(candidates.starts_s).astype(np.int64).clip(0, last - 1)
        whole_past = np.ceil(candidates.ends_s).astype(np.int64).clip(whole_first + 1, last)
        clipped = (self._clipped[whole_past] - self._clipped[whole_first]) / (whole_past - whole_first)
        return snr_db, clipped


def _sums(values: npt.NDArray[np.generic]) -> Numbers:
    return np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))


def _marked(spans: Sequence[Span], windows: int) -> npt.NDArray[np.bool_]:
    marks = np.zeros(windows, bool)
    for each in spans:
        marks[max(round(each.start_s / WINDOW_S), 0) : max(round(each.end_s / WINDOW_S), 0)] = True
    return marks
