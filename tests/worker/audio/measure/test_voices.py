"""Counting voices in recordings whose voices are known, whatever their length."""

import tracemalloc

import numpy as np
import pytest

from tests.worker.audio.signals import Samples
from tests.worker.audio.synthetic_voices import CHILD, HIGH, LOW, RATE_HZ, Speaker, say
from worker.audio.measure.voiceprint import WINDOW_FRAMES, WINDOW_S, embed, similarity
from worker.audio.measure.voices import ONE_VOICE_CONSISTENCY, VoiceMeter, Voices, voice_kept

HEARD_FRAMES = 512


def measure(sound: Samples, *, likely: float = 1.0, block: int = 31, most_windows: int = 24) -> Voices:
    """Feed a recording that is equally likely speech everywhere, a block of windows at a time."""
    meter = VoiceMeter(most_windows)
    for start in range(0, sound.size // HEARD_FRAMES * HEARD_FRAMES, block * HEARD_FRAMES):
        piece = sound[start : start + block * HEARD_FRAMES]
        piece = piece[: piece.size // HEARD_FRAMES * HEARD_FRAMES]
        meter.add(piece, np.full(piece.size // HEARD_FRAMES, likely, np.float32))
    return meter.conclude()


def rows(sound: Samples) -> Samples:
    count = sound.size // WINDOW_FRAMES
    return sound[: count * WINDOW_FRAMES].reshape(count, WINDOW_FRAMES)


@pytest.mark.parametrize("speaker", [LOW, HIGH])
def test_one_voice_is_consistent(speaker: Speaker) -> None:
    voices = measure(say(speaker, 24.0))
    assert voices.consistency is not None
    assert voices.consistency > ONE_VOICE_CONSISTENCY
    assert not voices.are_several
    assert voices.foreign_spans == ()


def test_two_voices_split_and_the_lesser_one_is_told_where() -> None:
    voices = measure(np.concatenate((say(LOW, 16.0), say(HIGH, 8.0))))
    assert voices.are_several
    assert voices.foreign_spans
    [span] = voices.foreign_spans
    assert 16.0 - WINDOW_S < span.start_s < 17.0
    assert span.end_s > 22.0
    assert voices.main_voice is not None
    low, high = (embed(rows(say(speaker, 8.0, seed=9))) for speaker in (LOW, HIGH))
    assert similarity(voices.main_voice[None], low) > 0.9
    assert similarity(voices.main_voice[None], high) < ONE_VOICE_CONSISTENCY


def test_the_lesser_voice_may_come_first() -> None:
    voices = measure(np.concatenate((say(HIGH, 8.0), say(LOW, 16.0))))
    assert voices.foreign_spans
    assert all(span.end_s < 8.0 + WINDOW_S for span in voices.foreign_spans)


def test_a_foreign_voice_goes_on_until_the_main_one_is_heard() -> None:
    voices = measure(np.concatenate((say(LOW, 12.0), np.zeros(4 * RATE_HZ, np.float32), say(HIGH, 6.0))))
    [span] = voices.foreign_spans
    assert 11.0 < span.start_s < 16.5


def test_a_third_voice_is_foreign_too() -> None:
    parts = (say(LOW, 20.0), say(HIGH, 6.0), say(CHILD, 6.0))
    foreign_s = sum(span.duration_s for span in measure(np.concatenate(parts)).foreign_spans)
    assert foreign_s > 10.0


def test_noise_beside_the_voice_is_no_other_voice() -> None:
    noise = np.random.default_rng(3).standard_normal(6 * RATE_HZ).astype(np.float32)
    meter = VoiceMeter()
    sound = np.concatenate((say(LOW, 18.0), 0.05 * noise + say(LOW, 6.0, seed=4)))
    sound = sound[: sound.size // HEARD_FRAMES * HEARD_FRAMES].astype(np.float32)
    meter.add(sound, np.ones(sound.size // HEARD_FRAMES, np.float32))
    clearness_db = np.where(np.arange(24) < 18, 40.0, 5.0)
    assert meter.conclude(clearness_db).foreign_spans == ()


def test_the_main_voice_is_a_unit_vector() -> None:
    main_voice = measure(say(LOW, 8.0)).main_voice
    assert main_voice is not None
    assert float(np.linalg.norm(main_voice)) == pytest.approx(1.0, abs=1e-5)


def test_the_size_of_the_blocks_does_not_matter() -> None:
    sound = say(LOW, 20.0)
    whole, pieces = measure(sound, block=10_000), measure(sound, block=1)
    assert np.array_equal(whole.starts_s, pieces.starts_s)
    assert np.array_equal(whole.embeddings, pieces.embeddings)
    assert whole.consistency == pieces.consistency


@pytest.mark.parametrize("duration_s", [0.0, 0.02, 1.5, 6.0])
def test_too_little_speech_is_not_judged(duration_s: float) -> None:
    voices = measure(say(LOW, 8.0)[: round(duration_s * RATE_HZ)])
    assert voices.consistency is None
    assert not voices.are_several
    assert (voices.main_voice is None) == (duration_s < WINDOW_S)


def test_silence_has_no_voice() -> None:
    voices = measure(np.zeros(30 * RATE_HZ, np.float32), likely=0.0)
    assert voices.consistency is None
    assert voices.main_voice is None
    assert voices.embeddings.shape == (0, 256)


def test_silence_that_is_taken_for_speech_gives_finite_numbers() -> None:
    voices = measure(np.zeros(30 * RATE_HZ, np.float32))
    assert voices.consistency is not None
    assert np.isfinite(voices.consistency)
    assert np.isfinite(voices.embeddings).all()


def test_windows_that_nobody_listened_to_are_not_speech() -> None:
    meter = VoiceMeter()
    sound = say(LOW, 16.0)
    speech = np.full(500, np.nan, np.float32)
    speech[200:300] = 1.0
    meter.add(sound, speech)
    starts_s = meter.conclude().starts_s
    # A third of a window may be something else than speech.
    assert starts_s.size
    assert starts_s.min() >= 185 * 0.032 - 1e-9
    assert starts_s.max() + WINDOW_S <= 315 * 0.032 + 1e-9


def test_windows_lie_evenly_over_a_long_recording_and_stay_few() -> None:
    meter, block = VoiceMeter(8), say(LOW, 16.0)
    for _ in range(75):
        meter.add(block, np.ones(500, np.float32))
    starts_s = meter.conclude().starts_s
    assert starts_s.size == 8
    gaps_s = np.diff(starts_s)
    assert gaps_s.max() <= 2.1 * gaps_s.min()
    assert starts_s[0] == 0.0
    assert starts_s[-1] > 0.75 * 75 * 16.0


def test_memory_does_not_grow_with_the_recording() -> None:
    meter, block = VoiceMeter(8), say(LOW, 16.0)
    tracemalloc.start()
    try:
        for _ in range(75):
            meter.add(block, np.ones(500, np.float32))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2 * 8 * WINDOW_FRAMES * 4 + 6 * block.nbytes


def test_a_second_call_gives_the_same_finding() -> None:
    meter = VoiceMeter()
    meter.add(say(LOW, 8.0), np.ones(250, np.float32))
    assert meter.conclude() is meter.conclude()


def test_samples_and_speech_must_be_of_one_length() -> None:
    with pytest.raises(ValueError, match="1000 samples"):
        VoiceMeter().add(np.zeros(1000, np.float32), np.ones(2, np.float32))


def test_a_meter_of_too_few_windows_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        VoiceMeter(3)


def test_an_untouched_voice_is_kept_and_another_one_is_not() -> None:
    low, high = rows(say(LOW, 8.0)), rows(say(HIGH, 8.0))
    assert voice_kept(low, low) == pytest.approx(1.0, abs=1e-6)
    assert voice_kept(low, low * np.float32(0.5)) > 0.9
    assert voice_kept(low, high) < ONE_VOICE_CONSISTENCY


def test_a_clean_part_of_a_noisy_recording_is_no_other_voice() -> None:
    noise = np.random.default_rng(5).standard_normal(12 * RATE_HZ).astype(np.float32)
    sound = np.concatenate((say(LOW, 4.0), 0.1 * noise + say(LOW, 12.0, seed=4)))
    meter = VoiceMeter()
    meter.add(sound, np.ones(sound.size // HEARD_FRAMES, np.float32))
    voices = meter.conclude(np.where(np.arange(16) < 4, 40.0, 5.0))
    assert voices.foreign_spans == ()
    assert not voices.are_several
