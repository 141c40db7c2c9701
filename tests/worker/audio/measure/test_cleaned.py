import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.audio.signals import Samples, silence, spoken, white_noise
from worker.audio.measure.cleaned import find_cleaning
from worker.audio.measure.surveyor import survey
from worker.audio.tracks import BANDS, Tracks

RATE_HZ = 16_000


def _voice() -> Samples:
    """A voice with pauses, over the noise of a quiet room at -65 dB."""
    voice = spoken(12.0, RATE_HZ)[0]
    pauses = np.ones(voice.size, np.float32)
    for second in range(2, 12, 3):
        pauses[second * RATE_HZ : second * RATE_HZ + 12_000] = 0
    return voice * pauses + white_noise(12.0, RATE_HZ, rms=0.0006)[0]


def _rounded(sound: Samples) -> Samples:
    return (np.round(sound * 32_767) / 32_768).astype(np.float32)


def _gated(sound: Samples, floor: float) -> Samples:
    """What a gate makes of it that falls to a share of the sound."""
    level = np.convolve(np.square(sound), np.full(480, 1 / 480), "same")
    is_open = scipy.ndimage.maximum_filter1d((level > 1e-5).astype(np.float32), 1_600)
    smooth = np.convolve(is_open, np.full(80, 1 / 80), "same").astype(np.float32)
    return sound * (floor + (1 - floor) * smooth)


def _masked(sound: Samples) -> Samples:
    """What a mask of zeros and ones leaves of the spectrum."""
    _, _, spectrum = scipy.signal.stft(sound, nperseg=1_024, noverlap=768)
    power = np.abs(spectrum)
    mask = power > 2.5 * np.percentile(power, 20, axis=1, keepdims=True)
    return scipy.signal.istft(spectrum * mask, nperseg=1_024, noverlap=768)[1][: sound.size].astype(np.float32)


def test_a_quiet_steady_floor_is_not_taken_for_a_gate() -> None:
    found = find_cleaning(survey(_rounded(_voice()), RATE_HZ))
    assert found is not None
    assert found.gated_share < 0.05
    assert found.flickering_share < 0.4


def test_a_noisy_room_is_not_taken_for_a_gate() -> None:
    noisy = _voice() + white_noise(12.0, RATE_HZ, rms=0.01, seed=9)[0]
    found = find_cleaning(survey(_rounded(noisy), RATE_HZ))
    assert found is not None
    assert found.gated_share < 0.05
    assert found.flickering_share < 0.4


@pytest.mark.parametrize("floor", [0.0, 0.01])
def test_a_gate_is_found(floor: float) -> None:
    found = find_cleaning(survey(_rounded(_gated(_voice(), floor)), RATE_HZ))
    assert found is not None
    assert found.gated_share > 0.4


def test_a_hard_spectral_mask_is_found() -> None:
    noisy = _voice() + white_noise(12.0, RATE_HZ, rms=0.01, seed=9)[0]
    found = find_cleaning(survey(_rounded(_masked(noisy)), RATE_HZ))
    assert found is not None
    assert found.flickering_share > 0.55


def test_of_half_a_second_of_pauses_nothing_is_said() -> None:
    short = _voice()[: round(2.5 * RATE_HZ)] + white_noise(2.5, RATE_HZ, rms=0.01, seed=9)[0]
    assert find_cleaning(survey(_rounded(_masked(short)), RATE_HZ)) is None


@pytest.mark.parametrize("sound", [silence(3.0, RATE_HZ), white_noise(3.0, RATE_HZ), silence(0.01, RATE_HZ)])
def test_without_speech_there_is_nothing_to_say(sound: Samples) -> None:
    assert find_cleaning(survey(sound[0], RATE_HZ)) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-100, 20), st.floats(0, 1)), max_size=200))
def test_any_tracks_give_a_share(values: list[tuple[float, float]]) -> None:
    levels = np.array([level for level, _ in values], np.float32)
    bands = np.repeat(np.repeat(levels, 2)[:, None], BANDS, axis=1).astype(np.float16)
    likely = np.array([likely for _, likely in values], np.float32)
    found = find_cleaning(Tracks(levels, likely, np.ones(levels.size, bool), bands, "silero"))
    assert found is None or (0 <= found.gated_share <= 1 and 0 <= found.flickering_share <= 1)
