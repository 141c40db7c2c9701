import numpy as np
import pytest

from tests.worker.audio.signals import speech_like, white_noise
from worker.audio.measure.downmix import Mix, candidates, choose, mix_of, told

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


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        ([VOICE, NOTHING], "only the left channel carries sound"),
        ([NOTHING, VOICE], "only the right channel carries sound"),
        ([VOICE / 50, VOICE], "only the right channel carries sound"),
        ([NOTHING, NOTHING, VOICE], "only channel 3 carries sound"),
        ([VOICE, -VOICE], "cancel each other out where they are mixed; the left channel alone"),
        ([VOICE / 2, -VOICE], "cancel each other out where they are mixed; the right channel alone"),
    ],
)
def test_why_one_channel_is_used_is_told_with_its_name(channels: list[np.ndarray], words: str) -> None:
    powers = np.square(candidates(np.concatenate(channels))).mean(axis=1)
    assert words in told(powers, choose(powers))


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
