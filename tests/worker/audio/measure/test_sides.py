import numpy as np
import pytest

from tests.worker.audio.signals import Samples, spoken, tone, white_noise
from worker.audio.measure import rota
from worker.audio.measure.levels import listening_gain
from worker.audio.measure.sides import Sides

PIECE_FRAMES = 48_000


@pytest.fixture
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three seconds are heard, and then one of every four."""
    for name, value_s in (("ALL_S", 3.0), ("HEARD_S", 1.0), ("ROUND_S", 4.0)):
        monkeypatch.setattr(rota, name, value_s)


def _followed(sound: Samples, rate_hz: int, row: int | None = None) -> tuple[Sides, Samples]:
    sides, made = Sides(len(sound), rate_hz, row), []
    for begin in range(0, sound.shape[1], rate_hz):
        second = sound[:, begin : min(begin + rate_hz, sound.shape[1])]
        for start in range(0, second.shape[1], PIECE_FRAMES):
            made.append(sides.take(second[:, start : start + PIECE_FRAMES]))
    return sides, np.concatenate([*made, sides.conclude()])


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_where_one_signal_takes_over_nothing_is_heard_of_it(rate_hz: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.concatenate((0.3 * spoken(9.5, rate_hz), 0.2 * spoken(9.5, rate_hz)))
    whole = _followed(sound, rate_hz)[1]
    for name, value_s in (("ALL_S", 3.0), ("HEARD_S", 1.0), ("ROUND_S", 4.0)):
        monkeypatch.setattr(rota, name, value_s)
    sides, made = _followed(sound, rate_hz)
    assert sides.is_settled
    assert made.shape == whole.shape
    assert np.abs(made - whole).max() < 1e-6


@pytest.mark.usefixtures("short_rounds")
def test_sides_that_cancel_out_later_are_found_in_the_places() -> None:
    voice = 0.3 * spoken(40.0, 16_000)
    turned = voice.copy()
    turned[:, 3 * 16_000 :] *= -0.9
    sides, _made = _followed(np.concatenate((turned, voice)), 16_000)
    assert sides.row == 2
    assert not sides.is_settled
    again, made = _followed(np.concatenate((turned, voice)), 16_000, row=2)
    assert again.is_settled
    assert np.abs(made - _followed(voice, 16_000)[1]).max() < 1e-6


@pytest.mark.usefixtures("short_rounds")
def test_sound_that_begins_between_the_places_counts_as_heard() -> None:
    late = np.zeros((2, 6 * 16_000), np.float32)
    late[:, 5 * 16_000 :] = tone(1.0, 16_000, amplitude=0.1)
    sides, _made = _followed(late, 16_000)
    assert sides.is_settled
    assert sides.row == 0


@pytest.mark.usefixtures("short_rounds")
def test_a_voice_between_the_places_counts_for_how_loud_a_recording_is() -> None:
    mostly_faint = white_noise(12.0, 16_000, rms=1e-4)
    mostly_faint[:, 5 * 16_000 : 7 * 16_000] += 0.3 * spoken(2.0, 16_000)
    sides, _made = _followed(np.concatenate((mostly_faint, mostly_faint)), 16_000)
    assert listening_gain(sides.mix.powers(sides.row)) == 1.0
