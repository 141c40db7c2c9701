import numpy as np
import pytest

from tests.worker.audio.signals import speech_like, white_noise
from worker.audio.measure.downmix import Mix, candidates, choose, mix_of

VOICE = speech_like(1.0, 16_000)
OTHER = white_noise(1.0, 16_000, rms=0.06, seed=9)
NOTHING = np.zeros_like(VOICE)


@pytest.mark.parametrize(
    ("channels", "row"),
    [
        ([VOICE], 0),
        ([VOICE, VOICE], 0),
        ([VOICE, VOICE / 2], 0),
        ([VOICE, OTHER], 0),
        ([VOICE, -VOICE], 1),
        ([VOICE / 2, -VOICE], 2),
        ([VOICE, NOTHING], 1),
        ([NOTHING, VOICE], 2),
        ([NOTHING, NOTHING], 0),
        ([NOTHING, NOTHING, VOICE, NOTHING, NOTHING, NOTHING], 3),
    ],
)
def test_the_mean_is_taken_unless_it_loses_the_voice(channels: list[np.ndarray], row: int) -> None:
    rows = candidates(np.concatenate(channels))
    assert choose(np.square(rows).mean(axis=1)) == row


def test_a_mix_makes_mono_without_offset() -> None:
    block = np.array([[0.5, 0.7], [0.1, 0.3]], np.float32)
    assert Mix(None, 0.1).apply(block) == pytest.approx(np.array([[0.2, 0.4]]))
    assert Mix(1, 0.0).apply(block) == pytest.approx(np.array([[0.1, 0.3]]))
    assert Mix(None, 0.0).apply(block).dtype == np.float32


def test_rows_name_their_mix() -> None:
    assert mix_of(0, 0.0).channel is None
    assert mix_of(2, 0.0).channel == 1


def test_an_offset_that_nobody_hears_is_left_in() -> None:
    assert mix_of(0, 0.012).offset == 0.0
    assert mix_of(0, -0.7).offset == -0.7
