"""How far the voice stands above the noise, in a whole recording and at every moment of it.

Where somebody pauses, the noise is heard alone and the two are compared: noise that comes and goes by what comes in
the pauses, too. Where nobody pauses, the quiet moments between syllables have to do. Steady noise is also found
underneath the voice, band by band, as what each band never goes below. The highest of these noises counts, for none of
them can hear noise that is not there. It must not decide what is to be done about noise.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from worker.audio.tracks import (
    BAND_RANGE_HZ,
    BANDS,
    HOPS_PER_WINDOW,
    NOTHING_DB,
    WINDOW_S,
    Bands,
    Flags,
    Track,
    Tracks,
)

RANGE_DB: Final = (-10.0, 60.0)
FIRST_WINDOWS: Final = 6  # a recording often begins with a click or in the middle of a word
EDGE_WINDOWS: Final = 2  # beside speech lie its onsets and tails
MIN_PAUSES: Final = 8  # windows, 0.25 s
SURE_PAUSE: Final = 0.1  # less likely to be speech than this: the model doubts breaths and mumbled words (2026-11)
LOUDEST_PAUSES: Final = 0.03  # of the windows in pauses: clicks, breaths
# Noise that comes and goes is the mean of all pauses and not their quieter part. One cough must not be taken for it, so
# the loudest fifth of the pauses, which lies together in time, is left out, and there has to be a second of them. It
# counts only where it is as loud as noise: breaths and mumbled words come and go in clean recordings, too.
MANY_PAUSES: Final = 31
DOUBTED_SPEECH: Final = 0.2  # from here on it may be a word that is mumbled, and counts neither way
PAUSE_PARTS: Final = 5
SILENT_DB: Final = NOTHING_DB + 1.0

# Speech without a pause is that far apart more than it stands above its noise, in windows of 32 ms: measured on 770
# mixtures of 5 to 30 dB out of which the pauses were cut (2026-11).
PERCENTILES: Final = (2.0, 95.0)
PERCENTILE_BIAS_DB: Final = 5.8

FLOOR_QUANTILE: Final = 0.15
SMOOTH_HOPS: Final = 5
FLOOR_BIAS: Final = 1.35  # how far the mean of smoothed noise lies above its 15 % quantile
SPEECH_DEPTH_DB: Final = 25.0
# Voices in the noise are speech to the model, so that what is left as pauses is too quiet, or too little. Where both
# figures are low the bands are believed, which hear it underneath. Alone they are not: in clean speech without pauses
# they read as low as 8 dB, when the percentiles read 26 or more (2026-11).
DOUBTFUL_DB: Final = 22.0
NOISY_DB: Final = 14.0
MOST_ABOVE_DB: Final = 1.0
LEAST_SPOKEN: Final = 0.2  # share of the recording: in less, what is loud in the bands is the noise itself
LOCAL_S: Final = 4.0
MIN_HOPS: Final = 16
PIECE_S: Final = 60

Method = Literal["pauses", "percentile"]


@dataclass(frozen=True, slots=True)
class Snr:
    """The signal-to-noise ratio of a recording.

    Attributes:
        snr_db: The figure to judge by, -10 to 60; None where there is no speech or no sound.
        method: Where its noise was heard.
        quantile_db: The same from what each band never goes below; reads high for noise that comes and goes.
    """

    snr_db: float | None
    method: Method | None
    quantile_db: float | None


def estimate_snr(tracks: Tracks) -> Snr:
    """Estimate how far the voice of a recording stands above its noise."""
    snr_db, method = _by_level(tracks)
    quantile_db = _by_bands(tracks.bands_db)
    is_heard = tracks.spoken.mean() >= LEAST_SPOKEN if tracks.windows else False
    if snr_db is not None and quantile_db is not None and is_heard and snr_db < DOUBTFUL_DB and quantile_db < NOISY_DB:
        snr_db = min(snr_db, quantile_db + MOST_ABOVE_DB)
    return Snr(snr_db, method, quantile_db)


def local_snr_db(tracks: Tracks) -> Track:
    """Return the signal-to-noise ratio of the 4 s around every second, shape (seconds begun,), in -10 to 60 dB.

    It comes from the bands alone. Where nothing sounds, or the recording is shorter than 0.3 s, it is -10.
    """
    seconds = int(np.ceil(tracks.duration_s))
    result = np.full(seconds, RANGE_DB[0], np.float32)
    if tracks.bands_db.shape[0] < MIN_HOPS:
        return result
    rows = tracks.bands_db.shape[0] // 2
    span = min(round(LOCAL_S / _ROW_S), rows)
    for first in range(0, seconds, PIECE_S):
        past = min(first + PIECE_S, seconds)
        starts = np.rint((np.arange(first, past) + 0.5) / _ROW_S - span / 2).astype(np.int64)
        starts = np.clip(starts, 0, rows - span)
        rows_of_piece = slice(int(starts[0]), int(starts[-1]) + span)
        powers = _smooth(tracks.bands_db[rows_of_piece.start * 2 : rows_of_piece.stop * 2])
        windows = np.lib.stride_tricks.sliding_window_view(powers, span, axis=0)[starts - starts[0]]
        result[first:past] = _ratio_db(*_speech_and_floor(windows))
    return result


def _by_level(tracks: Tracks) -> tuple[float | None, Method | None]:
    """Return the ratio from the levels of speech and pauses, or of loud and quiet moments."""
    sounding = tracks.levels_db > SILENT_DB
    speech = tracks.levels_db[tracks.spoken & sounding]
    if not speech.size:
        return None, None
    pauses = ~_wider(tracks.spoken) & sounding
    pauses[:FIRST_WINDOWS] = False
    sure = pauses & (tracks.speech < SURE_PAUSE)
    quiet = np.sort(tracks.levels_db[sure if sure.sum() >= MIN_PAUSES else pauses])
    if quiet.size >= MIN_PAUSES:
        quiet = quiet[: quiet.size - int(np.ceil(LOUDEST_PAUSES * quiet.size))]
        heard = tracks.levels_db[pauses & (tracks.speech < DOUBTED_SPEECH)]
        speech_power = np.float64(_mean_power(speech))
        quiet_db = float(_ratio_db(speech_power, np.float64(_mean_power(quiet))))
        coming_db = float(_ratio_db(speech_power, np.float64(_coming_and_going(heard))))
        return min(quiet_db, coming_db) if coming_db < NOISY_DB else quiet_db, "pauses"
    floor_db, loud_db = np.percentile(tracks.levels_db[sounding], PERCENTILES)
    return float(np.clip(loud_db - floor_db - PERCENTILE_BIAS_DB, *RANGE_DB)), "percentile"


def _coming_and_going(pauses_db: Track) -> float:
    """Return the mean power of all pauses, in their order, but for the loudest part of them; 0 for too few."""
    if pauses_db.size < MANY_PAUSES:
        return 0.0
    return float(np.mean(sorted(_mean_power(part) for part in np.array_split(pauses_db, PAUSE_PARTS))[:-1]))


def _wider(spoken: Flags) -> Flags:
    """Return the windows that hold speech or are beside it."""
    around = np.convolve(spoken, np.ones(2 * EDGE_WINDOWS + 1, np.int32))
    return np.asarray(around[EDGE_WINDOWS : EDGE_WINDOWS + spoken.size] > 0)


def _mean_power(levels_db: Track) -> float:
    return float(np.mean(10 ** (levels_db.astype(np.float64) / 10)))


def _by_bands(bands_db: Bands) -> float | None:
    """Return the ratio from the floor of each band, a minute at a time."""
    hops = bands_db.shape[0]
    if hops < MIN_HOPS:
        return None
    pieces = max(round(hops * WINDOW_S / HOPS_PER_WINDOW / PIECE_S), 1)
    edges = np.linspace(0, hops, pieces + 1).astype(np.int64)
    speech = floor = 0.0
    for first, past in pairwise(edges.tolist()):
        powers = _smooth(bands_db[first:past])
        here = _speech_and_floor(powers.T[None])
        speech += float(here[0][0])
        floor += float(here[1][0])
    if speech <= _NOTHING:
        return None
    return float(_ratio_db(np.float64(speech), np.float64(floor)))


def _smooth(bands_db: Bands) -> Track:
    """Return the power of every band over 80 ms around every second hop, shape (hops / 2, BANDS)."""
    powers = np.exp(bands_db.astype(np.float32) * _NEPERS_PER_DB) * _WIDTHS
    rows = powers.shape[0] // 2
    padded = np.pad(powers, ((SMOOTH_HOPS // 2, SMOOTH_HOPS // 2 + 1), (0, 0)), mode="edge")
    total = padded[: 2 * rows : 2].copy()
    for shift in range(1, SMOOTH_HOPS):
        total += padded[shift : shift + 2 * rows : 2]
    return np.asarray(total / SMOOTH_HOPS, np.float32)


def _speech_and_floor(windows: Track) -> tuple[Track, Track]:
    """Return the power of the loud moments and of the floor of stretches, shape (stretches, BANDS, rows)."""
    rows = windows.shape[2]
    at = int(FLOOR_QUANTILE * (rows - 1))
    floor = np.partition(windows, at, axis=2)[:, :, at].sum(axis=1) * np.float32(FLOOR_BIAS)
    totals = windows.sum(axis=1)
    high = np.partition(totals, int(0.95 * (rows - 1)), axis=1)[:, int(0.95 * (rows - 1)), None]
    loud = totals >= high * np.float32(10 ** (-SPEECH_DEPTH_DB / 10))
    speech = np.where(loud, totals, 0).sum(axis=1) / np.maximum(loud.sum(axis=1), 1)
    return speech, floor


def _ratio_db(speech: npt.NDArray[np.floating] | np.floating, noise: npt.NDArray[np.floating] | np.floating) -> Track:
    """Return speech without the noise in it over noise, in dB, within the range."""
    lowest, highest = (10 ** (limit_db / 10) for limit_db in RANGE_DB)
    clean = np.where(speech > _NOTHING, np.maximum(speech - noise, lowest * noise), 0)
    ratio = np.clip(clean / np.maximum(noise, _NOTHING), lowest, highest)
    return np.asarray(10 * np.log10(ratio), np.float32)


def _band_widths() -> Track:
    """Return what share of the spectrum each band stands for, shape (BANDS,)."""
    lowest, highest = (2595 * np.log10(1 + edge_hz / 700) for edge_hz in BAND_RANGE_HZ)
    edges_hz = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    return np.asarray((edges_hz[2:] - edges_hz[:-2]) / 2 / (BAND_RANGE_HZ[1] - BAND_RANGE_HZ[0]), np.float32)


_WIDTHS: Final = _band_widths()
_NEPERS_PER_DB: Final = np.float32(np.log(10) / 10)
_ROW_S: Final = 2 * WINDOW_S / HOPS_PER_WINDOW
_NOTHING: Final = 10 ** (SILENT_DB / 10)
