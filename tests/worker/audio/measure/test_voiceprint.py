"""The voiceprint against the network it was made from, and against what two voices are known to be."""

import threading
from pathlib import Path

import librosa
import numpy as np
import pytest

from tests.worker.audio.signals import FIXTURES, Samples, spoken
from tests.worker.audio.synthetic_voices import HIGH, LOW, say
from worker.audio.measure import voiceprint
from worker.audio.measure.voiceprint import DIMENSIONS, WINDOW_FRAMES, WINDOW_S, embed, mel_filters, similarity

# Six vectors of `windows()`, made 2026-11 from the original float32 weights of Resemblyzer 0.1.4 in float64, with
# librosa's mel spectrogram, torch's LSTM equations written out gate by gate, and each window brought to -27 dB first.
REFERENCE = FIXTURES / "voiceprint_reference.npz"


def windows() -> Samples:
    """Two of a low voice (one too quiet), two of a high one (one loud), two of a synthesiser, (6, WINDOW_FRAMES)."""
    low, high = say(LOW, 2 * WINDOW_S), say(HIGH, 2 * WINDOW_S)
    both = np.concatenate((low, high, spoken(2 * WINDOW_S, 16_000)[0])).reshape(6, WINDOW_FRAMES)
    return np.asarray(both * np.array([1.0, 0.05, 1.0, 3.0, 1.0, 1.0])[:, None], np.float32)


def test_the_vectors_are_those_of_the_original_network() -> None:
    expected = np.load(REFERENCE)["embeddings"]
    cosines = (embed(windows()) * expected).sum(axis=1)
    assert cosines == pytest.approx(np.ones(6), abs=1e-3)


def test_the_mel_filters_are_librosas() -> None:
    expected = librosa.filters.mel(sr=16_000, n_fft=400, n_mels=40)
    assert mel_filters() == pytest.approx(expected, abs=1e-7)


def test_the_vectors_have_length_one_and_no_negative_value() -> None:
    vectors = embed(windows())
    assert vectors.dtype == np.float32
    assert vectors.shape == (6, DIMENSIONS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    assert vectors.min() >= 0.0


def test_two_voices_are_less_alike_than_one_voice_twice() -> None:
    low, high = (say(speaker, 8 * WINDOW_S).reshape(8, WINDOW_FRAMES) for speaker in (LOW, HIGH))
    assert similarity(embed(low[:4]), embed(low[4:])) > 0.9
    assert similarity(embed(high[:4]), embed(high[4:])) > 0.9
    assert similarity(embed(low), embed(high)) < 0.78


def test_a_voice_is_the_same_at_any_level() -> None:
    voice = say(LOW, WINDOW_S)[None]
    for gain in (0.01, 0.1, 5.0):
        assert similarity(embed(voice), embed(voice * np.float32(gain))) == pytest.approx(1.0, abs=1e-4)


def test_the_same_windows_give_the_same_bits() -> None:
    assert np.array_equal(embed(windows()), embed(windows()))


def test_a_window_does_not_depend_on_its_company() -> None:
    several = np.concatenate([windows()] * 5)
    alone = np.concatenate([embed(window[None]) for window in several[:6]])
    assert embed(several)[24:] == pytest.approx(alone, abs=1e-4)


def test_several_threads_get_what_one_gets() -> None:
    expected = embed(windows())
    voiceprint._network.cache_clear()
    found: list[Samples] = []
    threads = [threading.Thread(target=lambda: found.append(embed(windows()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(expected, each) for each in found)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_window_of_one_value_gives_finite_numbers(level: float) -> None:
    assert np.isfinite(embed(np.full((1, WINDOW_FRAMES), level, np.float32))).all()


def test_a_full_scale_square_wave_gives_finite_numbers() -> None:
    square = np.where(np.arange(WINDOW_FRAMES) // 40 % 2, 1.0, -1.0)[None].astype(np.float32)
    assert np.isfinite(embed(square)).all()


def test_no_windows_give_no_vectors_and_are_like_nothing() -> None:
    nothing = embed(np.zeros((0, WINDOW_FRAMES), np.float32))
    assert nothing.shape == (0, DIMENSIONS)
    assert similarity(nothing, embed(windows())) == 0.0


def test_the_weights_lie_beside_their_licence() -> None:
    room = Path(voiceprint.__file__).parent
    assert "Apache" in (room / "voiceprint.LICENSE").read_text(encoding="utf-8")
    assert (room / "voiceprint.npz").stat().st_size < 2_000_000
