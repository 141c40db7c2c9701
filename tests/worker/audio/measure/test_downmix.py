import numpy as np
import pytest

from tests.worker.audio.signals import speech_like, white_noise
from worker.audio.measure.downmix import Mix, MixMeter, candidates, mix_of

RATE_HZ = 16_000
VOICE = speech_like(1.0, RATE_HZ)
OTHER = white_noise(1.0, RATE_HZ, rms=0.06, seed=9)
NOTHING = np.zeros_like(VOICE)


def _met(*seconds: list[np.ndarray], block_frames: int = 700) -> MixMeter:
    """A meter that has heard some seconds of channels, in blocks that are no multiple of anything."""
    rows = candidates(np.concatenate([np.concatenate(channels) for channels in seconds], axis=1))
    meter = MixMeter(len(seconds[0]), RATE_HZ)
    for start in range(0, rows.shape[1], block_frames):
        meter.add(rows[:, start : start + block_frames])
    return meter


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
    assert _met(channels).row == row


@pytest.mark.parametrize("share", [1, 2, 3])
def test_sides_that_cancel_for_a_while_are_not_mixed(share: int) -> None:
    alike, opposed = [VOICE, 0.9 * VOICE], [VOICE, -0.9 * VOICE]
    meter = _met(*[opposed] * share, *[alike] * (10 - share))
    assert meter.row == 1
    assert "cancel each other out where they are mixed; the left channel alone" in meter.told(1)


def test_a_moment_that_cancels_and_a_walk_to_the_other_side_are_left_in_the_mean() -> None:
    alike = [VOICE, VOICE]
    assert _met([VOICE, -VOICE], *[alike] * 30).row == 0
    assert _met([VOICE, NOTHING], alike, [NOTHING, VOICE]).row == 0


@pytest.mark.parametrize("persons", [2, 3])
def test_people_who_speak_in_turn_into_microphones_of_their_own_are_left_in_the_mean(persons: int) -> None:
    turns = [[VOICE if mine == turn else NOTHING for mine in range(persons)] for turn in range(persons)]
    assert _met(*turns).row == 0


def test_opposed_channels_beside_a_faint_third_are_not_mixed() -> None:
    assert _met([VOICE, -VOICE, 0.1 * VOICE]).row in (1, 2)


def test_a_candidates_power_is_told_for_every_tenth_of_a_second() -> None:
    powers = _met([VOICE, NOTHING], [NOTHING, NOTHING]).powers(1)
    assert powers.shape == (20,)
    assert powers[:10].mean() == pytest.approx(np.square(VOICE).mean(), rel=1e-3)
    assert not powers[10:].any()


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
    meter = _met(channels)
    assert words in meter.told(meter.row)


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
