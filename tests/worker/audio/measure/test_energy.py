import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from worker.audio.measure.energy import fill, likely_speech
from worker.audio.tracks import NOTHING_DB, Track

QUIET = np.full(100, -70.0, np.float32)
VOICE = np.full(60, -25.0, np.float32)


def _steady(windows: int, level_db: float, *, spread_db: float = 0.8) -> Track:
    return (level_db + spread_db * np.random.default_rng(4).standard_normal(windows)).astype(np.float32)


def test_what_stands_out_of_the_floor_is_speech() -> None:
    likely = likely_speech(np.concatenate((QUIET, VOICE, QUIET)))
    assert likely.dtype == np.float32
    assert likely[100:160].all()
    assert not likely[:100].any()
    assert not likely[160:].any()


@pytest.mark.parametrize("snr_db", [40.0, 15.0])
def test_a_voice_in_steady_noise_is_told_from_it(snr_db: float) -> None:
    noise = _steady(200, -30.0 - snr_db)
    likely = likely_speech(np.concatenate((noise, VOICE)))
    assert likely[200:].mean() > 0.95
    assert likely[:200].mean() < 0.05


def test_steady_noise_alone_is_no_speech() -> None:
    assert likely_speech(_steady(500, -40.0)).mean() < 0.01
    assert not likely_speech(np.full(50, -20.0, np.float32)).any()


def test_digital_silence_is_neither_floor_nor_speech() -> None:
    silence = np.full(300, NOTHING_DB, np.float32)
    assert not likely_speech(silence).any()
    likely = likely_speech(np.concatenate((silence, QUIET, VOICE)))
    assert not likely[:400].any()
    assert likely[400:].all()


def test_what_lies_deep_under_the_speech_is_none_however_quiet_the_room() -> None:
    breath = np.full(20, -68.0, np.float32)
    likely = likely_speech(np.concatenate((np.full(100, -95.0, np.float32), breath, VOICE)))
    assert not likely[100:120].any()
    assert likely[120:].all()


def test_no_windows_have_no_speech() -> None:
    assert likely_speech(np.zeros(0, np.float32)).shape == (0,)
    assert fill(np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, bool)).shape == (0,)


def test_what_was_heard_stays_as_it_was_heard() -> None:
    heard = np.linspace(0, 1, 160, dtype=np.float32)
    levels_db = np.concatenate((QUIET, VOICE))
    assert np.array_equal(fill(levels_db, heard, np.ones(160, bool)), heard)
    listened = np.arange(160) % 2 == 0
    filled = fill(levels_db, np.where(listened, heard, np.nan).astype(np.float32), listened)
    assert np.array_equal(filled[listened], heard[listened])


def test_the_level_that_told_speech_where_it_was_heard_decides_elsewhere() -> None:
    # A motor at -40 dB goes through all of it: by its floor alone, nobody could say what is the voice.
    levels_db = np.tile(np.concatenate((np.full(50, -40.0), np.full(50, -22.0))), 4).astype(np.float32)
    speaks = levels_db > -30
    listened = np.arange(400) < 200
    heard = np.where(listened, np.where(speaks, 0.9, 0.1), np.nan).astype(np.float32)
    assert np.array_equal(fill(levels_db, heard, listened)[200:] > 0.5, speaks[200:])


@pytest.mark.parametrize("likely", [0.9, 0.1])
def test_where_all_that_was_heard_is_alike_the_rest_is_taken_to_be_like_it(likely: float) -> None:
    listened = np.arange(100) < 50
    heard = np.where(listened, likely, np.nan).astype(np.float32)
    rest = fill(_steady(100, -25.0), heard, listened)[50:]
    assert (rest == (1.0 if likely > 0.5 else 0.0)).all()


def test_without_anything_heard_the_levels_decide() -> None:
    levels_db = np.concatenate((QUIET, VOICE))
    nothing = np.full(160, np.nan, np.float32)
    assert np.array_equal(fill(levels_db, nothing, np.zeros(160, bool)), likely_speech(levels_db))


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(np.float32, st.integers(0, 80), elements=st.floats(NOTHING_DB, 0.0, width=32)),
    st.integers(0, 2**31 - 1),
)
def test_any_levels_give_likelihoods(levels_db: Track, seed: int) -> None:
    random = np.random.default_rng(seed)
    listened = random.random(levels_db.size) < random.random()
    heard = np.where(listened, random.random(levels_db.size), np.nan).astype(np.float32)
    filled = fill(levels_db, heard, listened)
    assert filled.shape == levels_db.shape
    assert ((filled >= 0) & (filled <= 1)).all()
    assert filled.dtype == np.float32
