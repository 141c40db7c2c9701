"""Choose the stretch of a recording that is kept when an engine takes less than all of it.

The stretch of the wanted length with the highest share of speech-like frames, the earliest of equals, drawn in to
pauses near its edges so that no word is cut where that can be helped. It must not judge the quality of the speech.
"""

from typing import Final

import numpy as np

from worker.audio.activity import Activity, runs
from worker.audio.levels import HOP_S
from worker.audio.trim import Span

MIN_PAUSE_FRAMES: Final = 16  # 160 ms; shorter gaps are stops within words
SEARCH_FRAMES: Final = 100  # a pause is looked for within a second of each edge


def best_window(activity: Activity, span: Span, max_duration_s: float) -> Span:
    """Return at most `max_duration_s` of `span`: all of it when it is short enough."""
    if span.duration_s <= max_duration_s:
        return span
    first, past = round(span.start_s / HOP_S), min(round(span.end_s / HOP_S), activity.active.size)
    length = min(int(max_duration_s / HOP_S), past - first)
    counts = np.concatenate(([0], np.cumsum(activity.active[first:past], dtype=np.int64)))
    begin = first + int(np.argmax(counts[length:] - counts[:-length]))
    end = begin + length
    middles = _pauses(activity, first, past)
    search = min(SEARCH_FRAMES, length // 4)
    if begin > first:
        begin = min((middle for middle in middles if begin <= middle <= begin + search), default=begin)
    if end < past:
        end = max((middle for middle in middles if end - search <= middle <= end), default=end)
    return Span(begin * HOP_S, end * HOP_S)


def _pauses(activity: Activity, first: int, past: int) -> list[int]:
    """Return the middles of the pauses between two frames; none where speech cannot be told from noise."""
    if not activity.is_certain:
        return []
    gaps = runs(~activity.active[first:past])
    return [first + (begin + end) // 2 for begin, end in gaps if end - begin >= MIN_PAUSE_FRAMES]
