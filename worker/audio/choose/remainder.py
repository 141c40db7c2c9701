"""What remains of a recording without what is not its main voice: other voices, music and noise between sentences.

For engines that learn from everything that they get. Edges lie in pauses, as everywhere. Pure.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from worker.audio.choose.phrases import (
    PAD_AFTER_S,
    PAD_BEFORE_S,
    is_quiet_pause,
    phrases,
    shortened_pauses,
)
from worker.audio.tracks import Span, Tracks

FOREIGN_SHARE: Final = 0.5  # of a phrase that is another's when so much of it is
LOUD_GAP_S: Final = 2.5  # shorter than this a gap between two sentences may be a laugh or a mumbled word
NO_SPEECH: Final = 0.35  # likelihood that nothing in such a gap reaches
LEAST_REMAINDER_S: Final = 5.0  # less is no use: then all of it is taken


def remainder(tracks: Tracks, within: Span, foreign: Sequence[Span]) -> list[Span]:
    """Return the stretches of the main voice in a recording, long pauses shortened; all of it where few would remain.

    Args:
        tracks: Of the recording.
        within: What of it is asked about.
        foreign: Where another than the main voice speaks.
    """
    whole = shortened_pauses(tracks, within)
    found = [span for own in _own(tracks, within, foreign) for span in shortened_pauses(tracks, own)]
    return found if sum(span.duration_s for span in found) >= LEAST_REMAINDER_S else whole


def _own(tracks: Tracks, within: Span, foreign: Sequence[Span]) -> Iterator[Span]:
    """Yield the stretches between what is left out, from pause to pause."""
    spoken = [each.span for each in phrases(tracks) if each.span.end_s > within.start_s]
    spoken = [each for each in spoken if each.start_s < within.end_s]
    own = [not _is_foreign(each, foreign) for each in spoken]
    if all(own) and not any(_is_loud_gap(tracks, *pair) for pair in pairwise(spoken)):
        yield within
        return
    start_s = within.start_s if own and own[0] else None
    for number, (last, following) in enumerate(pairwise(spoken)):
        if own[number] and own[number + 1] and not _is_loud_gap(tracks, last, following):
            continue
        half_s = max(following.start_s - last.end_s, 0.0) / 2
        if start_s is not None:
            yield Span(start_s, last.end_s + min(PAD_AFTER_S, half_s))
        start_s = following.start_s - min(PAD_BEFORE_S, half_s) if own[number + 1] else None
    if start_s is not None:
        yield Span(start_s, within.end_s)


def _is_foreign(phrase: Span, foreign: Sequence[Span]) -> bool:
    shared_s = sum(max(min(phrase.end_s, each.end_s) - max(phrase.start_s, each.start_s), 0.0) for each in foreign)
    return shared_s > FOREIGN_SHARE * phrase.duration_s


def _is_loud_gap(tracks: Tracks, last: Span, following: Span) -> bool:
    """Whether something else than speech is heard between two phrases, and for long. Level alone cannot tell."""
    gap = Span(last.end_s + PAD_AFTER_S, following.start_s - PAD_BEFORE_S)
    if tracks.by != "silero" or gap.duration_s < LOUD_GAP_S:
        return False
    heard = tracks.part(gap)
    is_silent = is_quiet_pause(tracks, gap, last, following)
    return bool(heard.listened.all() and heard.speech.max() < NO_SPEECH and not is_silent)
