"""Tracks of generated sound, with the likelihood of speech set by hand: a burst is speech where a test says so."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tests.worker.audio.signals import Samples
from worker.audio.measure.surveyor import survey
from worker.audio.tracks import ANALYSIS_RATE_HZ, WINDOW_S, Tracks

Stretches = Sequence[tuple[float, float]]

VOICE_DB = -20.0
ROOM_DB = -70.0


def noise(duration_s: float, level_db: float, *, seed: int = 1) -> Samples:
    """White noise of a level in dB re full scale, shape (frames,)."""
    sound = np.random.default_rng(seed).standard_normal(round(duration_s * ANALYSIS_RATE_HZ))
    return (10 ** (level_db / 20) * sound).astype(np.float32)


def bursts(duration_s: float, voices: Stretches, *, room_db: float = ROOM_DB, voice_db: float = VOICE_DB) -> Samples:
    """A room with bursts of noise in it, shape (frames,)."""
    sound = noise(duration_s, room_db)
    for index, (start_s, end_s) in enumerate(voices):
        add(sound, start_s, noise(end_s - start_s, voice_db, seed=10 + index))
    return sound


def add(sound: Samples, start_s: float, other: Samples) -> None:
    """Add another sound from a moment on, as far as there is room for it."""
    first = round(start_s * ANALYSIS_RATE_HZ)
    room = sound[first : first + other.size]
    room += other[: room.size]


def heard(sound: Samples, spoken: Stretches, *, likely: float = 0.95, late_s: float = 0.0) -> Tracks:
    """The tracks of a sound that a model took for speech in these stretches, `late_s` later than they are."""
    tracks = survey(sound, ANALYSIS_RATE_HZ)
    speech = np.full(tracks.windows, 0.02, np.float32)
    for start_s, end_s in spoken:
        first, past = round((start_s + late_s) / WINDOW_S), round((end_s + late_s) / WINDOW_S)
        speech[max(first, 0) : past] = likely
    return replace(tracks, speech=speech, listened=np.ones(tracks.windows, bool), by="silero")


def room_with(
    duration_s: float, voices: Stretches, *, room_db: float = ROOM_DB, voice_db: float = VOICE_DB, late_s: float = 0.0
) -> Tracks:
    """The tracks of a room with bursts that are speech."""
    return heard(bursts(duration_s, voices, room_db=room_db, voice_db=voice_db), voices, late_s=late_s)


def phrases_of(start_s: float, end_s: float, *, length_s: float = 1.6, pause_s: float = 0.4) -> Stretches:
    """Phrases with pauses between them that fill a stretch."""
    starts_s = np.arange(start_s, end_s - length_s + 1e-9, length_s + pause_s)
    return [(float(start_s), float(start_s) + length_s) for start_s in starts_s]
