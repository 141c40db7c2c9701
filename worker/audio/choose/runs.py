"""Every run of whole phrases of a recording that a segment could be: the candidates among which is chosen.

A run begins at most 150 ms before speech and ends at most 200 ms after it, and nearer where something loud lies there
that a pause parts from it. Where a phrase is longer than what is
wanted it is divided, at short pauses first, then at its quietest moments, and the run says what its edges cost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.audio.choose.merits import Candidates, Grounds, Numbers
from worker.audio.choose.phrases import PAD_AFTER_S, PAD_BEFORE_S, PAUSE_S, phrases
from worker.audio.measure.surroundings import mean_around
from worker.audio.tracks import WINDOW_S, Span, Track, Tracks

SHORT_PAUSE_S: Final = 0.1
SHORT_PAUSE_COST: Final = 0.3  # an edge in a short pause may clip a breath or a stop
CUT_COST: Final = 1.0  # an edge within speech
CUT_EVERY_S: Final = 1.0
LOUD_PAUSE_COST: Final = 1.0  # an edge between speech and noise: part of the phrase may lie in that
QUIET_PAUSE_DB: Final = 28.0  # so far under the loudest of the next second a pause costs nothing ...
LOUD_PAUSE_DB: Final = 14.0  # ... and so little, all of it
STRAY_DB: Final = 20.0  # what is less far under the voice, and parted from it by a pause, is no part of the phrase
_PAUSE_WINDOWS: Final = 9
_LEAST_WINDOWS: Final = 2  # fewer before a sound are no pause
_VOICE_WINDOWS: Final = 31
_ROWS: Final = 512  # phrases whose runs are judged at once: those of three hours would be large
_ROUNDING_S: Final = 1e-6

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Atoms:
    """What runs are made of, in order: phrases, or parts of those that are too long; arrays of shape (n,).

    Attributes:
        opens_s: Where a run begins that begins with this one.
        closes_s: Where a run ends that ends with this one.
        gaps_s: The pause after each but the last, shape (n - 1,).
        open_costs: What beginning with this one costs.
        close_costs: What ending with this one costs.
    """

    opens_s: Numbers
    closes_s: Numbers
    gaps_s: Numbers
    open_costs: Numbers
    close_costs: Numbers

    def __len__(self) -> int:
        return self.opens_s.size


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs and their points: numbers of the first and the last atom, both ends, and a row of points by merit each."""

    firsts: Rows
    lasts: Rows
    starts_s: Numbers
    ends_s: Numbers
    points: Numbers

    def __len__(self) -> int:
        return self.firsts.size

    @property
    def scores(self) -> Numbers:
        return np.asarray(self.points.sum(axis=1))


def find_atoms(tracks: Tracks, *, longest_s: float) -> Atoms:
    """Return the phrases between pauses, short ones too, those of more than `longest_s` divided at quiet moments."""
    spans = [each.span for each in phrases(tracks, least_pause_s=SHORT_PAUSE_S)]
    spans = [part for each in spans for part in (_divided(tracks, each) if each.duration_s > longest_s else [each])]
    starts_s = np.array([each.start_s for each in spans])
    ends_s = np.array([each.end_s for each in spans])
    gaps_s = starts_s[1:] - ends_s[:-1]
    costs = np.where(gaps_s >= SHORT_PAUSE_S - _ROUNDING_S, SHORT_PAUSE_COST, CUT_COST)
    costs = np.where(gaps_s >= PAUSE_S - _ROUNDING_S, 0.0, costs)
    outer = [np.inf] if spans else []
    before_s, after_s = np.concatenate((outer, gaps_s)), np.concatenate((gaps_s, outer))
    # An end is a beginning in reverse.
    reverse_db, turned_s = tracks.levels_db[::-1], tracks.duration_s - ends_s
    opening_s = np.minimum(np.minimum(PAD_BEFORE_S, before_s / 2), _clear_s(tracks.levels_db, starts_s))
    closing_s = np.minimum(np.minimum(PAD_AFTER_S, after_s / 2), _clear_s(reverse_db, turned_s))
    return Atoms(
        np.maximum(starts_s - opening_s, 0.0),
        np.minimum(ends_s + closing_s, tracks.duration_s),
        gaps_s,
        np.where(np.isinf(before_s), 0.0, np.concatenate((outer, costs))) + _loudness_costs(tracks.levels_db, starts_s),
        np.where(np.isinf(after_s), 0.0, np.concatenate((costs, outer))) + _loudness_costs(reverse_db, turned_s),
    )


def _clear_s(levels_db: Track, edges_s: Numbers) -> Numbers:
    """Return how long before each edge nothing loud is heard; infinite where no pause parts them."""
    edges, pauses_db, voices_db = _beside(levels_db, edges_s)
    loud = pauses_db[:, _PAUSE_WINDOWS - 1 :: -1] > voices_db[:, None] - STRAY_DB  # the nearest first
    nearest = loud.argmax(axis=1)
    is_parted = loud.any(axis=1) & (nearest >= _LEAST_WINDOWS) & (nearest < edges)
    return np.where(is_parted, edges_s - (edges - nearest) * WINDOW_S, np.inf)


def _loudness_costs(levels_db: Track, edges_s: Numbers) -> Numbers:
    """Return what it costs to begin at each edge, for want of a quiet pause before it; the very beginning is free."""
    edges, pauses_db, voices_db = _beside(levels_db, edges_s)
    depths_db = voices_db - pauses_db.min(axis=1)
    shares = (QUIET_PAUSE_DB - depths_db) / (QUIET_PAUSE_DB - LOUD_PAUSE_DB)
    return np.where(edges < _LEAST_WINDOWS, 0.0, LOUD_PAUSE_COST * np.clip(shares, 0.0, 1.0))


def _beside(levels_db: Track, edges_s: Numbers) -> tuple[Rows, Track, Track]:
    """Return the windows of edges, the levels of those before and at them, and the loudest of the second after each.

    Shapes (edges,), (edges, _PAUSE_WINDOWS + 1) and (edges,); what lies before the recording is infinitely loud.
    """
    edges = np.clip((edges_s / WINDOW_S).astype(np.int64), 0, max(levels_db.size - 1, 0))
    padded_db = np.pad(levels_db, (_PAUSE_WINDOWS, _VOICE_WINDOWS), constant_values=(np.inf, -np.inf))
    around_db = np.lib.stride_tricks.sliding_window_view(padded_db, _PAUSE_WINDOWS + _VOICE_WINDOWS)[edges]
    return edges, around_db[:, : _PAUSE_WINDOWS + 1], around_db[:, _PAUSE_WINDOWS:].max(axis=1)


def judge_runs(grounds: Grounds, atoms: Atoms, *, least_s: float, best_s: float, most_s: float) -> Runs:
    """Return all runs of `least_s` to `most_s`, judged, in the order of their beginnings."""
    pieces = list(_pieces(grounds, atoms, least_s, best_s, most_s))
    if not pieces:
        nothing = np.zeros(0)
        return Runs(np.zeros(0, np.int64), np.zeros(0, np.int64), nothing, nothing, np.zeros((0, 1)))
    return Runs(
        *(np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("firsts", "lasts")),
        *(np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("starts_s", "ends_s", "points")),
    )


def _pieces(grounds: Grounds, atoms: Atoms, least_s: float, best_s: float, most_s: float) -> Iterator[Runs]:
    lows = np.maximum(np.searchsorted(atoms.closes_s, atoms.opens_s + least_s), np.arange(len(atoms)))
    highs = np.searchsorted(atoms.closes_s, atoms.opens_s + most_s, side="right")
    for begin in range(0, len(atoms), _ROWS):
        rows = np.arange(begin, min(begin + _ROWS, len(atoms)))
        counts = np.maximum(highs[rows] - lows[rows], 0)
        if not counts.any():
            continue
        firsts = np.repeat(rows, counts)
        lasts = np.repeat(lows[rows] - np.cumsum(counts) + counts, counts) + np.arange(firsts.size)
        starts_s, ends_s = atoms.opens_s[firsts], atoms.closes_s[lasts]
        costs = atoms.open_costs[firsts] + atoms.close_costs[lasts]
        candidates = Candidates(starts_s, ends_s, _longest_pauses(atoms, firsts, lasts), costs)
        yield Runs(firsts, lasts, starts_s, ends_s, grounds.judge(candidates, best_s))


def _longest_pauses(atoms: Atoms, firsts: Rows, lasts: Rows) -> Numbers:
    width = int((lasts - firsts).max())
    if not width:
        return np.zeros(firsts.size)
    begin, end = int(firsts[0]), int(firsts[-1])
    gaps_s = np.pad(atoms.gaps_s, (0, width + 1))[begin : end + width]
    longest_s = np.maximum.accumulate(np.lib.stride_tricks.sliding_window_view(gaps_s, width), axis=1)
    return np.where(lasts > firsts, longest_s[firsts - begin, np.maximum(lasts - firsts - 1, 0)], 0.0)


def _divided(tracks: Tracks, phrase: Span) -> list[Span]:
    """Return the parts of a phrase, of about a second each."""
    edges_s = [phrase.start_s, *_quiet_moments_s(tracks, phrase), phrase.end_s]
    return [Span(start_s, end_s) for start_s, end_s in pairwise(edges_s)]


def _quiet_moments_s(tracks: Tracks, phrase: Span) -> list[float]:
    """Return the middle of the quietest window of every second but at the ends, where cutting does least harm."""
    first, every = round((phrase.start_s + CUT_EVERY_S / 2) / WINDOW_S), round(CUT_EVERY_S / WINDOW_S)
    past = int((phrase.end_s - CUT_EVERY_S / 2) / WINDOW_S)
    levels_db = mean_around(tracks.levels_db[first : max(past, first)], 1)
    quietest = [begin + int(np.argmin(levels_db[begin : begin + every])) for begin in range(0, levels_db.size, every)]
    return [(first + window + 0.5) * WINDOW_S for window in quietest]
