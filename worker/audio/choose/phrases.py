"""Find the stretches of speech between pauses, so that every cut lies in a pause and no word is cut.

A model of speech says where someone speaks, to about 50 ms; levels in four ranges of pitch say where the sound of it
begins and ends: weak word ends and breathy onsets stay with their word. Trimming too little costs nothing, a cut
word is heard in the clone: edges are padded, and where speech and noise cannot be told apart nothing is cut.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from worker.audio.measure.surroundings import least_around, mean_around, most_around
from worker.audio.tracks import BANDS, HOP_S, HOPS_PER_WINDOW, WINDOW_S, Flags, Span, Track, Tracks

PAUSE_S: Final = 0.16  # shorter gaps are stops within words
SURE_PROBABILITY: Final = 0.35  # speech begins here and lasts until it falls under the next one
DOUBTFUL_PROBABILITY: Final = 0.2
LEAST_WINDOWS: Final = 2  # one window is a click
PAD_BEFORE_S: Final = 0.15
PAD_AFTER_S: Final = 0.20
PAD_IN_NOISE_S: Final = 0.30  # weak sounds drown in noise: keep more
NOISY_SNR_DB: Final = 10.0
LEAST_KEPT_S: Final = 1.0
NOT_WORTH_S: Final = 0.1  # so little is not cut off an end, where the cut would be heard and the silence is not
# Vendors warn that long pauses are copied into the clone. Readers pause for up to a second between sentences: that is
# how they speak, and it stays.
LONG_PAUSE_S: Final = 1.2
KEPT_PAUSE_S: Final = 0.6  # half of it after the last sound, half before the next
PAUSE_DEPTH_DB: Final = 12.0  # a pause less far under the voice is heard as a jump when it is cut

_OPENING_S: Final = 0.1  # at a beginning in mid-word the model needs as long to hear that it is speech
_OPENING_DEPTH_DB: Final = 20.0
_GROUPS: Final = 4  # ranges of pitch: a final "s" is weak as a whole and strong in the highest
_OUTWARD_HOPS: Final = 12  # 190 ms
_INWARD_HOPS: Final = 12  # the model holds on for so long after the last sound
_NEAR_HOPS: Final = 31  # floor: the quietest 80 ms within half a second to either side
_AROUND_HOPS: Final = 62  # voice: the loudest within a second
_SMOOTH_HOPS: Final = 5
_OVER_FLOOR_DB: Final = 9.0  # steady noise, 3 dB above its quietest 80 ms on average, seldom reaches it
_UNDER_VOICE_DB: Final = 35.0
_RANGE_DB: Final = 18.0  # less between floor and voice: levels do not say where a sound ends
_PIECE_HOPS: Final = 8_192
# A frame is 32 ms long under a Hann window: it hears a sound that begins 4 ms before the frame's end, or that ends
# 4 ms after the frame's beginning. In the middle of what the 16 ms between frames leave open:
_ONSET_S: Final = 2 * HOP_S - 0.004 - HOP_S / 2
_ENDING_S: Final = 0.004 + HOP_S / 2

Edges = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A stretch of speech without padding, and how likely it is speech on average, 0 to 1."""

    span: Span
    likely: float


# Of each recording, by the least pause: who chooses asks again for every stretch, and in an hour there are hundreds.
_known: WeakKeyDictionary[Tracks, dict[float, list[Phrase]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class _Sound:
    """What can be heard over the noise at every hop, and where that can be told; both of shape (hops,)."""

    audible: Flags
    certain: Flags


def phrases(tracks: Tracks, *, least_pause_s: float = PAUSE_S) -> list[Phrase]:
    """Return the stretches of speech between pauses, without padding, in order.

    Args:
        tracks: Of the recording.
        least_pause_s: Gaps of less are part of a phrase. Under PAUSE_S, gaps that only the levels show count, too.
    """
    known = _known.setdefault(tracks, {})
    if least_pause_s not in known:
        known[least_pause_s] = _found(tracks, least_pause_s)
    return list(known[least_pause_s])


def _found(tracks: Tracks, least_pause_s: float) -> list[Phrase]:
    begins, pasts = _runs_of_speech(tracks.speech)
    if not begins.size:
        return []
    sound = _listen(tracks)
    begins, pasts = _refined(sound, begins * HOPS_PER_WINDOW, pasts * HOPS_PER_WINDOW)
    if begins[0] * HOP_S <= _OPENING_S and _opens_with_sound(tracks, int(begins[0])):
        begins[0] = 0
    if least_pause_s < PAUSE_S:
        begins, pasts = _split(sound, begins, pasts, least_pause_s)
    starts_s = np.where(begins > 0, begins * HOP_S + _ONSET_S, 0.0)
    ends_s = np.minimum((pasts - 1) * HOP_S + _ENDING_S, tracks.duration_s)
    ends_s = np.where(pasts >= sound.audible.size, tracks.duration_s, ends_s)
    apart = starts_s[1:] - np.maximum.accumulate(ends_s)[:-1] >= least_pause_s - 1e-6
    firsts = np.concatenate(([True], apart))
    lasts = np.concatenate((apart, [True]))
    ends_s = np.maximum.accumulate(ends_s)
    starts_s, ends_s = starts_s[firsts], ends_s[lasts]
    sums = np.concatenate(([0.0], np.cumsum(tracks.speech, dtype=np.float64)))
    first = np.minimum(np.rint(starts_s / WINDOW_S).astype(np.int64), tracks.windows - 1)
    past = np.clip(np.rint(ends_s / WINDOW_S).astype(np.int64), first + 1, tracks.windows)
    likely = (sums[past] - sums[first]) / (past - first)
    found = zip(starts_s.tolist(), ends_s.tolist(), likely.tolist(), strict=True)
    return [Phrase(Span(start_s, end_s), mean) for start_s, end_s, mean in found if end_s > start_s]


def trim(tracks: Tracks, duration_s: float) -> Span:
    """Return the stretch from the first to the last phrase, padded; the whole where no speech is certain.

    Args:
        tracks: Of the recording.
        duration_s: Of the recording: the tracks may end 32 ms earlier.
    """
    spoken = phrases(tracks)
    if not spoken:
        return Span(0.0, duration_s)
    is_noisy = _snr_db(tracks, spoken) < NOISY_SNR_DB
    before_s, after_s = (PAD_IN_NOISE_S, PAD_IN_NOISE_S) if is_noisy else (PAD_BEFORE_S, PAD_AFTER_S)
    start_s = max(0.0, spoken[0].span.start_s - before_s)
    end_s = min(duration_s, spoken[-1].span.end_s + after_s)
    start_s = start_s if start_s > NOT_WORTH_S else 0.0
    end_s = end_s if end_s < duration_s - NOT_WORTH_S else duration_s
    if (missing_s := LEAST_KEPT_S - (end_s - start_s)) > 0:
        start_s = max(0.0, min(start_s - missing_s / 2, duration_s - LEAST_KEPT_S))
        end_s = min(duration_s, start_s + LEAST_KEPT_S)
    return Span(start_s, end_s)


def tightened(tracks: Tracks, span: Span) -> Span:
    """Return a stretch without the silence at its ends; the stretch itself where nobody speaks in it."""
    spoken = [each.span for each in phrases(tracks)]
    spoken = [each for each in spoken if each.end_s > span.start_s and each.start_s < span.end_s]
    if not spoken:
        return span
    start_s, end_s = spoken[0].start_s - PAD_BEFORE_S, spoken[-1].end_s + PAD_AFTER_S
    return Span(
        start_s if start_s > span.start_s + NOT_WORTH_S else span.start_s,
        end_s if end_s < span.end_s - NOT_WORTH_S else span.end_s,
    )


def shortened_pauses(tracks: Tracks, span: Span) -> list[Span]:
    """Return what is kept of a stretch when its long pauses lose their middles; the stretch itself when none does.

    Only pauses between two phrases count, and only those clearly under the voices beside them.
    """
    spoken = [each.span for each in phrases(tracks)]
    spoken = [each for each in spoken if each.end_s > span.start_s and each.start_s < span.end_s]
    kept: list[Span] = []
    start_s = span.start_s
    for last, following in pairwise(spoken):
        if following.start_s - last.end_s <= LONG_PAUSE_S:
            continue
        cut = Span(last.end_s + KEPT_PAUSE_S / 2, following.start_s - KEPT_PAUSE_S / 2)
        if cut.start_s <= span.start_s or cut.end_s >= span.end_s or not is_quiet_pause(tracks, cut, last, following):
            continue
        kept.append(Span(start_s, cut.start_s))
        start_s = cut.end_s
    return [*kept, Span(start_s, span.end_s)]


def _runs_of_speech(likely: Track) -> tuple[Edges, Edges]:
    """Return where windows of speech begin and one past where they end, by two thresholds."""
    begins, pasts = _runs(likely >= DOUBTFUL_PROBABILITY)
    if not begins.size:
        return begins, pasts
    peaks = np.maximum.reduceat(likely, begins)  # what lies between two runs is under the lower threshold
    is_speech = (peaks >= SURE_PROBABILITY) & (pasts - begins >= LEAST_WINDOWS)
    return begins[is_speech], pasts[is_speech]


def _opens_with_sound(tracks: Tracks, begin: int) -> bool:
    """Whether what lies before the first phrase, which begins at a hop, is nearly as loud as speech."""
    opening_db = tracks.levels_db[: begin // HOPS_PER_WINDOW]
    spoken_db = tracks.levels_db[tracks.speech >= SURE_PROBABILITY]
    return bool(opening_db.min(initial=np.inf) >= np.median(spoken_db) - _OPENING_DEPTH_DB)


def _runs(flags: Flags) -> tuple[Edges, Edges]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return edges[::2], edges[1::2]


def _listen(tracks: Tracks) -> _Sound:
    """Judge the audibility of every hop, a piece at a time, for the bands of three hours are large."""
    hops = len(tracks.bands_db)
    audible, certain = np.zeros(hops, bool), np.zeros(hops, bool)
    for first in range(0, hops, _PIECE_HOPS):
        past = min(first + _PIECE_HOPS, hops)
        begin = max(0, first - _AROUND_HOPS - _SMOOTH_HOPS)
        piece = tracks.bands_db[begin : past + _AROUND_HOPS + _SMOOTH_HOPS].astype(np.float32)
        levels_db = _strongest(piece.reshape(-1, _GROUPS, BANDS // _GROUPS))
        smooth_db = mean_around(levels_db, _SMOOTH_HOPS // 2)
        floor_db = least_around(smooth_db, _NEAR_HOPS)
        voice_db = most_around(smooth_db, _AROUND_HOPS)
        threshold_db = np.maximum(floor_db + _OVER_FLOOR_DB, voice_db - _UNDER_VOICE_DB)
        here = slice(first - begin, past - begin)
        audible[first:past] = np.any(levels_db > threshold_db, axis=1)[here]
        certain[first:past] = np.any(voice_db - floor_db >= _RANGE_DB, axis=1)[here]
    return _Sound(audible, certain)


def _strongest(groups: Track) -> Track:
    """Return the most of every group, as max(axis=2) would at five times the cost; their size is a power of two."""
    while (half := groups.shape[2] // 2) > 0:
        groups = np.maximum(groups[:, :, :half], groups[:, :, half:])
    return groups[:, :, 0]


def _refined(sound: _Sound, begins: Edges, pasts: Edges) -> tuple[Edges, Edges]:
    """Move edges, in hops, outwards to where the sound really begins and ends, or inwards to it."""
    # The end is a beginning in reverse.
    size = sound.audible.size
    reverse = _Sound(sound.audible[::-1], sound.certain[::-1])
    first, past = _edge(sound, begins), size - _edge(reverse, size - pasts)
    is_open = past <= first  # nothing is audible in between
    return np.where(is_open, begins, first), np.where(is_open, pasts, past)


def _edge(sound: _Sound, firsts: Edges) -> Edges:
    """Return where the sound begins that is heard at or near each of some hops, which stay where that is open."""
    size = sound.audible.size
    indices = np.arange(size)
    quiet_before = np.maximum.accumulate(np.where(sound.audible, -1, indices))
    heard_after = np.minimum.accumulate(np.where(sound.audible, indices, size)[::-1])[::-1]
    at = np.minimum(firsts, size - 1)
    outward = np.maximum(quiet_before[at] + 1, np.maximum(firsts - _OUTWARD_HOPS, 0))
    inward = heard_after[at]
    inward = np.where(sound.certain[at] & (inward - firsts <= _INWARD_HOPS), inward, firsts)
    return np.where(sound.audible[at], outward, inward)


def _split(sound: _Sound, begins: Edges, pasts: Edges, least_pause_s: float) -> tuple[Edges, Edges]:
    """Divide stretches, in hops, at gaps that levels alone show."""
    inside = np.zeros(sound.audible.size + 1, np.int8)
    np.add.at(inside, begins, 1)
    np.add.at(inside, pasts, -1)
    spoken = np.cumsum(inside[:-1]) > 0
    gap_begins, gap_pasts = _runs(spoken & ~sound.audible & sound.certain)
    # A gap is heard as shorter than it is, by a frame's length at each side less what it takes to hear a sound.
    lengths_s = (gap_pasts - gap_begins) * HOP_S + _ONSET_S - _ENDING_S + HOP_S
    is_pause = lengths_s >= least_pause_s
    for begin, past in zip(gap_begins[is_pause], gap_pasts[is_pause], strict=True):
        if begin > 0 and past < spoken.size and spoken[begin - 1] and spoken[past]:  # speech on both sides
            spoken[begin:past] = False
    return _runs(spoken)


def _snr_db(tracks: Tracks, spoken: list[Phrase]) -> float:
    """Return the level of phrases over that of pauses; a high one where there are no pauses to tell."""
    inside = np.zeros(tracks.windows, bool)
    for each in spoken:
        inside[int(each.span.start_s / WINDOW_S) : int(np.ceil(each.span.end_s / WINDOW_S))] = True
    if inside.all() or not inside.any():
        return np.inf
    powers = 10 ** (tracks.levels_db / 10)
    return float(10 * np.log10(powers[inside].mean() / np.median(powers[~inside])))


def is_quiet_pause(tracks: Tracks, cut: Span, last: Span, following: Span) -> bool:
    """Return whether what is to be cut out between two phrases lies clearly under the voices beside it."""
    voices_db = [_level_db(tracks, each, 50.0) for each in (last, following)]
    if tracks.part(cut).speech.max(initial=0.0) >= SURE_PROBABILITY:
        return False
    return _level_db(tracks, cut, 95.0) <= min(voices_db) - PAUSE_DEPTH_DB


def _level_db(tracks: Tracks, span: Span, percentile: float) -> float:
    levels_db = tracks.part(span).levels_db
    return float(np.percentile(levels_db, percentile)) if levels_db.size else np.inf
