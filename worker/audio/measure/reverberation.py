"""How long a room goes on sounding after words, judged from speech alone.

When a word ends, what is left is the room. In an echoing one the level cannot fall faster than the room lets it, so
even the quickest falls of a recording are slow. It is a hint and no measurement of a room: weak echo is not seen, and
in noise falls end early, so that there may be too few of them to say anything. It must not judge.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from worker.audio.tracks import BAND_RANGE_HZ, BANDS, HOP_S, NOTHING_DB, Track, Tracks

GROUPS_HZ: Final = ((500.0, 1_000.0), (1_000.0, 2_000.0), (2_000.0, 4_000.0))
PIECE_HOPS: Final = 4_096
SMOOTH_HOPS: Final = 3
TOLERANCE_DB: Final = 0.5  # a fall may pause by so much from hop to hop
FLOOR_PERCENTILE: Final = 5.0
LOUD_PERCENTILE: Final = 95.0
LOUD_DEPTH_DB: Final = 25.0  # a word is at most this much below the loud ones
FROM_DB: Final = 3.0  # the top of a fall is still the mouth's
ABOVE_FLOOR_DB: Final = 8.0  # below that, the noise bends the fall
MIN_FALL_DB: Final = 16.0  # that is then left to measure
MIN_FALLS: Final = 6
MIN_HOPS: Final = 3  # of a fall
QUANTILE: Final = 25.0


def reverberation_s(tracks: Tracks) -> float | None:
    """Return the seconds in which the quicker falls after words would lose 60 dB; None for fewer than six falls."""
    levels_db = _group_levels_db(tracks)
    times_s = np.concatenate([_falls_s(np.ascontiguousarray(group)) for group in levels_db.T])
    if times_s.size < MIN_FALLS:
        return None
    return float(np.percentile(times_s, QUANTILE))


def _falls_s(levels_db: Track) -> npt.NDArray[np.float64]:
    """Return, for every fall of one group of bands that can be measured, the seconds it would take for 60 dB."""
    sounding = levels_db[levels_db > NOTHING_DB + 1]
    if sounding.size <= SMOOTH_HOPS:
        return np.zeros(0)
    floor_db, loud_db = np.percentile(sounding, (FLOOR_PERCENTILE, LOUD_PERCENTILE))
    lowest_db = max(float(floor_db) + ABOVE_FLOOR_DB, float(loud_db) - 60.0)
    falling = np.diff(levels_db) < TOLERANCE_DB
    edges = np.flatnonzero(np.diff(np.concatenate(([False], falling, [False])).astype(np.int8)))
    firsts, lasts = edges[::2], edges[1::2]
    tops_db = levels_db[firsts]
    feet_db = np.maximum(levels_db[lasts], lowest_db)
    useful = (tops_db >= loud_db - LOUD_DEPTH_DB) & (tops_db - FROM_DB - feet_db >= MIN_FALL_DB)
    if not useful.any():
        return np.zeros(0)
    # Every hop of a fall, numbered by its fall: those that are low enough and not yet in the noise are measured.
    begun, ended = np.zeros(levels_db.size, np.int64), np.zeros(levels_db.size + 1, np.int64)
    begun[firsts[useful]] = ended[lasts[useful] + 1] = 1
    number, ended = np.cumsum(begun) - 1, np.cumsum(ended[:-1])
    below_db = tops_db[useful][np.maximum(number, 0)] - FROM_DB
    inside = np.flatnonzero((number >= ended) & (levels_db <= below_db) & (levels_db >= lowest_db))
    _, begins, counts = np.unique(number[inside], return_index=True, return_counts=True)
    begin, end = inside[begins], inside[begins + counts - 1]
    fall_db = levels_db[begin].astype(np.float64) - levels_db[end]
    steep = (counts >= MIN_HOPS) & (fall_db >= MIN_FALL_DB / 2)
    return np.asarray(60.0 * (end - begin)[steep] * HOP_S / fall_db[steep], np.float64)


def _group_levels_db(tracks: Tracks) -> Track:
    """Return the smoothed level of each group of bands at every hop, shape (hops, groups)."""
    chosen = [np.digitize(_CENTRES_HZ, group) == 1 for group in GROUPS_HZ]
    inside = np.logical_or.reduce(chosen)
    weights = np.stack(chosen, axis=1)[inside].astype(np.float32)
    kernel = np.full(SMOOTH_HOPS, 1 / SMOOTH_HOPS, np.float32)
    levels = [np.zeros((0, len(GROUPS_HZ)), np.float32)]
    for start in range(0, tracks.bands_db.shape[0], PIECE_HOPS):
        piece = tracks.bands_db[start : start + PIECE_HOPS, inside]
        powers = np.exp(piece.astype(np.float32) * _NEPERS_PER_DB) @ weights
        levels.append(np.log(np.maximum(powers, 1e-12)) / _NEPERS_PER_DB)
    joined = np.concatenate(levels)
    if joined.shape[0] < SMOOTH_HOPS:
        return joined
    smooth = [np.convolve(group, kernel, "same") for group in joined.T]
    return np.asarray(np.stack(smooth, axis=1), np.float32)


def _centres_hz() -> npt.NDArray[np.float64]:
    lowest, highest = (2595 * np.log10(1 + edge_hz / 700) for edge_hz in BAND_RANGE_HZ)
    return np.asarray(700 * (10 ** (np.linspace(lowest, highest, BANDS + 2)[1:-1] / 2595) - 1), np.float64)


_CENTRES_HZ: Final = _centres_hz()
_NEPERS_PER_DB: Final = np.float32(np.log(10) / 10)
