"""Examinations of recordings that do not exist: tracks set by hand from a list of moments."""

from collections.abc import Sequence

import numpy as np

from worker.audio.measure.downmix import Mix
from worker.audio.measure.inspection import Examination, Inspection
from worker.audio.measure.measures import measure
from worker.audio.tracks import BANDS, HOPS_PER_WINDOW, WINDOW_S, Tracks

Moments = Sequence[tuple[float, bool]]  # seconds, and whether somebody speaks

SPEECH_DB = -25.0


def talk(duration_s: float) -> Moments:
    """Phrases of 3 s with pauses of 0.4 s, from the first moment to the last."""
    count = max(int(duration_s // 3.4), 1)
    rest_s = duration_s - 0.4 * (count - 1)
    moments: list[tuple[float, bool]] = []
    for number in range(count):
        moments += [(rest_s / count, True)] + ([(0.4, False)] if number < count - 1 else [])
    return moments


def tracks_of(moments: Moments, noise_db: float = -65.0) -> Tracks:
    """Tracks of speech at -25 dB over noise; syllables make the speech rise and fall by 10 dB."""
    duration_s = sum(seconds for seconds, _ in moments)
    windows = int(duration_s / WINDOW_S)
    edges_s = np.cumsum([0.0] + [seconds for seconds, _ in moments])
    centres_s = (np.arange(windows) + 0.5) * WINDOW_S
    index = np.clip(np.searchsorted(edges_s, centres_s, side="right") - 1, 0, len(moments) - 1)
    speaks = np.array([speaking for _, speaking in moments])[index]
    syllables = 5 * np.sin(2 * np.pi * centres_s / 0.25)
    powers = 10 ** (noise_db / 10) + np.where(speaks, 10 ** ((SPEECH_DB + syllables) / 10), 0)
    levels_db = (10 * np.log10(powers)).astype(np.float32)
    bands_db = np.repeat(np.repeat(levels_db[:, None] - 15, HOPS_PER_WINDOW, axis=0), BANDS, axis=1).astype(np.float16)
    return Tracks(levels_db, speaks.astype(np.float32), np.ones(windows, bool), bands_db, "silero")


def examined(moments: Moments, *, rate_hz: int = 48_000, noise_db: float = -65.0) -> Examination:
    """An examination as `inspect` would make it."""
    tracks = tracks_of(moments, noise_db)
    duration_s = round(sum(seconds for seconds, _ in moments), 6)
    inspection = Inspection(
        format="wav", codec="pcm_s16le", rate_hz=rate_hz, channels=1, duration_s=duration_s,
        header_duration_s=duration_s, mix=Mix(None, 0.0), measures=measure(tracks, duration_s=duration_s),
        findings=(), warnings=(),
    )  # fmt: skip
    return Examination(inspection, tracks, np.zeros(int(duration_s) + 1, np.int32), ())
