"""What is known of a recording stays with the job on this machine, and is found out anew where it is not there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared import claims
from tests.worker.audio.signals import spoken, wav_bytes
from tests.worker.conftest import Workshop
from tests.worker.stages.conftest import Send
from worker.audio.measure.inspection import Examination
from worker.audio.scratch import Shelf, holds
from worker.stages.examinations import examine
from worker.task import Recording, Task


@pytest.fixture
def task(workshop: Workshop, send: Send, tmp_path: Path) -> Iterator[Task]:
    """A run of a stage of a clone with one recording."""
    _, job_id = send(workshop, {"anna.wav": wav_bytes(spoken(4.0, 16_000), 16_000)})
    with workshop.database.write() as session:
        claim = claims.take(session, job_id, owner="test", lease_s=30.0)
    assert claim is not None
    folder = tmp_path / "job"
    folder.mkdir()
    with workshop.bench.heart.hold(claim) as hold, Task.open(workshop.bench, claim, hold, folder) as opened:
        yield opened


def listened(task: Task, recording: Recording) -> tuple[Examination, bool]:
    """Return the examination, and whether the recording was listened to for it."""
    fractions: list[float] = []
    return examine(task, recording, fractions.append), bool(fractions)


def inspected(task: Task) -> tuple[Recording, Examination]:
    """Do what `validate` does; return the recording as the next stage reads it."""
    [recording] = task.recordings
    found, was_listened = listened(task, recording)
    assert was_listened
    return replace(recording, inspection=found.inspection.to_json()), found


def test_the_next_stage_finds_what_the_last_one_found(task: Task) -> None:
    recording, first = inspected(task)
    again, was_listened = listened(task, recording)
    assert not was_listened
    assert again.inspection.to_json() == first.inspection.to_json()
    assert np.array_equal(again.tracks.bands_db, first.tracks.bands_db)
    assert np.array_equal(again.flat_tops_per_s, first.flat_tops_per_s)
    assert again.foreign == first.foreign


def test_the_sound_itself_stays_with_the_job(task: Task) -> None:
    recording, found = inspected(task)
    frames = round(found.inspection.duration_s * found.inspection.rate_hz)
    assert holds(Shelf.of(task.folder, recording.id).path, frames)


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _empty(_content: bytes) -> bytes:
    return b""


def _other(_content: bytes) -> bytes:
    return b"not what it was"


@pytest.mark.parametrize("spoil", [_cut, _empty, _other])
def test_what_is_broken_is_found_out_anew(task: Task, spoil: Callable[[bytes], bytes]) -> None:
    recording, first = inspected(task)
    [kept] = task.folder.glob("*.npz")
    kept.write_bytes(spoil(kept.read_bytes()))
    again, was_listened = listened(task, recording)
    assert was_listened
    assert np.array_equal(again.tracks.speech, first.tracks.speech)
    assert not listened(task, recording)[1], "it is kept again"


def test_what_is_missing_is_found_out_anew(task: Task) -> None:
    recording, _ = inspected(task)
    for kept in task.folder.glob("*.npz"):
        kept.unlink()
    assert listened(task, recording)[1]


def test_what_an_earlier_version_measured_is_found_out_anew(task: Task) -> None:
    recording, _ = inspected(task)
    assert listened(task, replace(recording, inspection={"format": "wav"}))[1]
