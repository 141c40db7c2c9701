"""Choose the best stretches of a recording: one for engines that take seconds, several for those that take minutes.

Noise, clipping, music and foreign voices are not chosen where clean speech exists, and no word is cut where there are
pauses. Without them, short pauses do, then the quietest moments: something is chosen wherever somebody speaks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from worker.audio.choose.merits import FOREIGN_POINTS, MOST_POINTS, Candidates, Grounds, Merits, Numbers
from worker.audio.choose.phrases import phrases
from worker.audio.choose.runs import CUT_COST, CUT_EVERY_S, Rows, Runs, find_atoms, judge_runs
from worker.audio.tracks import WINDOW_S, Span, Tracks

LEAST_PART_S, BEST_PART_S, MOST_PART_S = 5.0, 10.0, 15.0  # of several that are joined
MUCH_WORSE: Final = 1.2  # points under the best: left out where there is enough else
ENOUGH_S: Final = 60.0  # or half of what is wanted: nothing bad is added to that
SLIDE_WINDOWS: Final = 8  # a quarter of a second

Flat = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch that was chosen, its points and what it got them for."""

    span: Span
    score: float
    merits: Merits


def pick(
    tracks: Tracks,
    *,
    least_s: float,
    best_s: float,
    most_s: float,
    flat_tops_per_s: Flat | None = None,
    foreign: Sequence[Span] = (),
) -> Segment | None:
    """Return the best stretch of `least_s` to `most_s`; None where nobody speaks or the recording is shorter.

    Args:
        tracks: Of the recording.
        least_s: The shortest that is of use.
        best_s: The wanted length.
        most_s: The longest that is of use.
        flat_tops_per_s: Clipped samples of every second.
        foreign: Where another than the main voice speaks; chosen only when there is nothing else.
    """
    atoms = find_atoms(tracks, longest_s=most_s)
    if tracks.duration_s < least_s or not len(atoms):
        return None
    grounds = Grounds(tracks, flat_tops_per_s, foreign)
    best = _best(judge_runs(grounds, atoms, least_s=least_s, best_s=best_s, most_s=most_s))
    if best is not None and best.score >= MOST_POINTS - CUT_COST:
        return best  # nothing that begins or ends within speech can be better
    atoms = find_atoms(tracks, longest_s=CUT_EVERY_S)
    found = [best, _best(judge_runs(grounds, atoms, least_s=least_s, best_s=best_s, most_s=most_s))]
    if all(each is None or each.merits.foreign for each in found):
        found.append(_slid(tracks, grounds, min(max(best_s, least_s), most_s, tracks.duration_s)))
    return max((each for each in found if each is not None), key=lambda each: each.score)


def ranked(
    tracks: Tracks,
    *,
    total_s: float,
    flat_tops_per_s: Flat | None = None,
    foreign: Sequence[Span] = (),
    least_part_s: float = LEAST_PART_S,
) -> list[Segment]:
    """Return segments that do not overlap, best first, of `total_s` together at most; none where nobody speaks.

    What is much worse than the best is left out unless less than half of `total_s`, or less than a minute, would
    remain, and a foreign voice is left out as long as there is anything else.

    Args:
        tracks: Of the recording.
        total_s: The wanted length of all together; may be infinite.
        flat_tops_per_s: Clipped samples of every second.
        foreign: Where another than the main voice speaks.
        least_part_s: The shortest segment that is wanted.
    """
    most_s = min(MOST_PART_S, total_s)
    least_s, best_s = min(least_part_s, most_s), min(BEST_PART_S, most_s)
    atoms = find_atoms(tracks, longest_s=most_s)
    if not len(atoms):
        return []
    runs = judge_runs(Grounds(tracks, flat_tops_per_s, foreign), atoms, least_s=least_s, best_s=best_s, most_s=most_s)
    if not len(runs):
        # What there is is better than nothing, however short or torn.
        least_s = min(least_s, tracks.duration_s)
        lengths_s = {"least_s": least_s, "best_s": best_s, "most_s": most_s}
        one = pick(tracks, **lengths_s, flat_tops_per_s=flat_tops_per_s, foreign=foreign)
        return [] if one is None else [one]
    scores = runs.scores
    bar = float(scores.max()) - MUCH_WORSE
    best_first = np.argsort(-scores, kind="stable")
    packed = np.isin(best_first, _packed(runs, scores - bar, len(atoms)))
    good = scores[best_first] >= bar
    worse = ~good & (scores[best_first] > _least_score(scores))
    choice = _Choice(runs, np.ones(len(atoms), bool))
    choice.take(best_first[packed], total_s)
    choice.take(best_first[good & ~packed], total_s)
    choice.take(best_first[worse], min(total_s / 2, ENOUGH_S))
    return [_segment(runs, row) for row in sorted(choice.rows, key=lambda row: (-scores[row], row))]


@dataclass(slots=True)
class _Choice:
    """Runs that do not overlap, and the atoms that are still free."""

    runs: Runs
    free: npt.NDArray[np.bool_]
    rows: list[int] = field(default_factory=list)
    taken_s: float = 0.0

    def take(self, rows: Rows, most_s: float) -> None:
        """Take what is free and does not make all together longer than `most_s`, in the order given."""
        lengths_s = self.runs.ends_s - self.runs.starts_s
        for row in rows:
            atoms = slice(self.runs.firsts[row], self.runs.lasts[row] + 1)
            if self.taken_s + lengths_s[row] <= most_s and self.free[atoms].all():
                self.free[atoms] = False
                self.rows.append(int(row))
                self.taken_s += float(lengths_s[row])


def _packed(runs: Runs, gains: Numbers, atoms: int) -> Rows:
    """Return the rows of the runs that do not overlap and whose gain, times their length, is the most in all."""
    gains = gains * (runs.ends_s - runs.starts_s)
    bounds = np.searchsorted(runs.firsts, np.arange(atoms + 1))
    most = np.zeros(atoms + 1)
    choices = np.full(atoms, -1, np.int64)
    for first in range(atoms - 1, -1, -1):
        most[first] = most[first + 1]
        rows = slice(bounds[first], bounds[first + 1])
        if rows.start == rows.stop:
            continue
        gained = gains[rows] + most[runs.lasts[rows] + 1]
        if (best := int(np.argmax(gained))) >= 0 and gained[best] > most[first]:
            most[first], choices[first] = gained[best], rows.start + best
    chosen: list[int] = []
    first = 0
    while first < atoms:
        if (row := int(choices[first])) >= 0:
            chosen.append(row)
            first = int(runs.lasts[row])
        first += 1
    return np.array(chosen, np.int64)


def _least_score(scores: Numbers) -> float:
    """Return the score above which a run is of the main voice, or that of any run where none is."""
    limit = -FOREIGN_POINTS / 2
    return limit if scores.max() > limit else -np.inf


def _slid(tracks: Tracks, grounds: Grounds, length_s: float) -> Segment:
    """Return the best window of a length, wherever it begins; edges within phrases cost."""
    windows = min(round(length_s / WINDOW_S), tracks.windows)
    starts = np.unique(np.append(np.arange(0, tracks.windows - windows, SLIDE_WINDOWS), tracks.windows - windows))
    inside = np.zeros(tracks.windows + 1, bool)
    for phrase in phrases(tracks):
        inside[int(phrase.span.start_s / WINDOW_S) + 1 : int(phrase.span.end_s / WINDOW_S)] = True
    costs = CUT_COST * (inside[starts].astype(float) + inside[starts + windows])
    starts_s = starts * WINDOW_S
    ends_s = np.minimum(starts_s + length_s, tracks.duration_s)
    points = grounds.judge(Candidates(starts_s, ends_s, np.zeros(starts.size), costs), length_s)
    return _segment(Runs(starts, starts, starts_s, ends_s, points), int(np.argmax(points.sum(axis=1))))


def _best(runs: Runs) -> Segment | None:
    return _segment(runs, int(np.argmax(runs.scores))) if len(runs) else None


def _segment(runs: Runs, row: int) -> Segment:
    points = [float(each) for each in runs.points[row]]
    return Segment(Span(float(runs.starts_s[row]), float(runs.ends_s[row])), sum(points), Merits(*points))
