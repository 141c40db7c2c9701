"""Each queue has slots of its own: what is heavy holds back nothing that is light."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from shared.states import Queue
from tests.stack import CLEAN_SPEECH, Stack, running_stack
from worker.lanes import first_lane


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(worker_threads=1, sandbox_training_s=4) as running:
        yield running


@pytest.fixture
def long_speech(tmp_path: Path) -> Path:
    """Minutes of noisy speech: work for much longer than the sandbox trains."""
    speech, rate_hz = soundfile.read(CLEAN_SPEECH, dtype="float32")
    noise = np.random.default_rng(1).normal(0, 0.02, len(speech) * 40).astype(np.float32)
    path = tmp_path / "long_speech.flac"
    soundfile.write(path, np.tile(speech, 40) * 0.5 + noise, rate_hz)
    return path


def test_a_short_clone_is_followed_to_its_end_while_long_recordings_take_every_slot_for_sound(
    stack: Stack, long_speech: Path
) -> None:
    short = stack.create("short")
    stack.wait_for(short, "track")
    long = [stack.create(f"long {number}", long_speech) for number in range(3)]
    stack.wait_for(long[0], "prepare")
    assert stack.wait_for(short, "ready", "failed")["status"] == "ready"
    assert [stack.get(one)["stage"] for one in long] == ["prepare", "validate", "validate"]  # one slot, one at a time


def test_celery_has_one_lane_and_the_step_the_others() -> None:
    assert first_lane(frozenset(Queue)) is Queue.AUDIO
    assert first_lane(frozenset({Queue.CALLBACK, Queue.VENDOR})) is Queue.VENDOR
