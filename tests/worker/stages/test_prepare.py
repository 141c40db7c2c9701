"""What `prepare` leaves in storage and in the rows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from shared import claims, sent
from shared.db.models import Job, PreparedFile, Sample
from shared.keys import MAIN_ACCOUNT
from shared.sent import SentFile
from shared.states import Queue, Stage, Status
from shared.vendors.engines import Range
from tests.worker.audio.signals import in_noise, silence, spoken, wav_bytes
from tests.worker.conftest import Workshop
from tests.worker.stages.conftest import Send


def sent_files(workshop: Workshop, clone_id: str) -> tuple[SentFile, ...]:
    with workshop.database.read() as session:
        return sent.files(session, MAIN_ACCOUNT, clone_id)


def stored(workshop: Workshop) -> dict[str, int]:
    return {found.key: found.size_bytes for found in workshop.bench.services.storage.list("samples/")}


def samples(workshop: Workshop) -> list[Any]:
    with workshop.database.read() as session:
        return list(session.execute(select(Sample.id, Sample.object_key, Sample.peaks).order_by(Sample.position)))


def limit(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
    """Let the sandbox's engine take something else."""
    engine = workshop.sandbox.engines["default"]
    other = replace(engine, limits=replace(engine.limits, **limits))
    monkeypatch.setattr(workshop.sandbox, "engines", {"default": other}, raising=False)


def noisy_wav(duration_s: float = 4.0) -> bytes:
    return wav_bytes(0.1 * in_noise(spoken(duration_s, 16_000), 15.0), 16_000)


def clean_wav(duration_s: float = 4.0) -> bytes:
    return wav_bytes(0.1 * spoken(duration_s, 16_000), 16_000)


TWO = {"anna.wav": noisy_wav(), "otto.wav": noisy_wav(6.0)}


def test_what_was_prepared_lies_beside_the_originals_with_its_report_and_its_outline(
    workshop: Workshop, send: Send
) -> None:
    clone_id, job_id = send(workshop, TWO)
    workshop.work(job_id)
    assert workshop.view(clone_id).status is Status.READY
    files, found, originals = sent_files(workshop, clone_id), stored(workshop), samples(workshop)
    folder = originals[0].object_key.rsplit("/", 2)[0]
    assert [file.number for file in files] == list(range(1, len(files) + 1))
    for file in files:
        assert file.object_key.startswith(f"{folder}/prepared/")
        assert found[file.object_key] == file.size_bytes
        assert "peaks" not in file.preparation
        with workshop.database.read() as session:
            assert 500 <= len(sent.peaks(session, file) or []) <= 1_000
    assert len(found) == len(files) + len(originals)


def test_the_sources_of_all_files_add_up_to_what_was_made(workshop: Workshop, send: Send) -> None:
    clone_id, job_id = send(workshop, TWO)
    workshop.work(job_id)
    files = sent_files(workshop, clone_id)
    assert {stretch.sample_id for file in files for stretch in file.stretches()} == {s.id for s in samples(workshop)}
    for file in files:
        taken_s = sum(stretch.end_s - stretch.start_s for stretch in file.stretches())
        assert taken_s == pytest.approx(file.duration_s, abs=0.02)


def test_the_outline_of_the_prepared_is_of_the_raised_voice(workshop: Workshop, send: Send) -> None:
    clone_id, job_id = send(workshop, {"anna.wav": noisy_wav()})
    workshop.work(job_id)
    [original], [file] = samples(workshop), sent_files(workshop, clone_id)
    with workshop.database.read() as session:
        after = sent.peaks(session, file)
    assert after
    assert 1.5 * max(high for _, high in original.peaks) < max(high for _, high in after) <= 127


@pytest.mark.parametrize(("content", "expected"), [(noisy_wav(), True), (clean_wav(), False)], ids=["noisy", "clean"])
def test_it_is_kept_whether_noise_was_removed(workshop: Workshop, send: Send, content: bytes, expected: bool) -> None:
    _, job_id = send(workshop, {"anna.wav": content})
    workshop.work(job_id)
    with workshop.database.read() as session:
        assert session.scalars(select(PreparedFile.cleaned)).all() == [expected]


def test_an_engine_that_takes_one_file_gets_one_of_all_recordings(
    workshop: Workshop, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(workshop, monkeypatch, files=Range(1, 1), containers=("wav",))
    clone_id, job_id = send(workshop, TWO)
    workshop.work(job_id)
    [file] = sent_files(workshop, clone_id)
    assert file.container == "wav"
    assert {stretch.sample_id for stretch in file.stretches()} == {sample.id for sample in samples(workshop)}


def test_no_more_is_made_than_the_engine_takes(workshop: Workshop, send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(workshop, monkeypatch, total_s=Range(1, 5))
    clone_id, job_id = send(workshop, TWO)
    workshop.work(job_id)
    assert workshop.view(clone_id).status is Status.READY
    assert 2 < sum(file.duration_s for file in sent_files(workshop, clone_id)) <= 5


def test_too_little_for_the_engine_fails_with_the_limit_what_was_found_and_what_to_do(
    workshop: Workshop, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(workshop, monkeypatch, total_s=Range(30, 600))
    clone_id, job_id = send(workshop, TWO)
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert (view.status, view.error_code, view.stage) == (Status.FAILED, "AUDIO_TOO_SHORT", None)
    assert view.error_message is not None
    for words in ("anna.wav and otto.wav together have 10.0 s", "sandbox/default needs at least 30 s", "Upload more"):
        assert words in view.error_message
    assert len(stored(workshop)) == 2, "nothing was stored for a clone that failed"


def test_pauses_do_not_count_for_what_the_engine_needs(
    workshop: Workshop, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(workshop, monkeypatch, total_s=Range(8, 600))
    sound = np.concatenate((0.1 * spoken(3.0, 16_000), silence(8.0, 16_000)), axis=1)
    clone_id, job_id = send(workshop, {"anna.wav": wav_bytes(sound, 16_000)})
    workshop.work(job_id)
    assert workshop.view(clone_id).error_code == "AUDIO_TOO_SHORT"


def test_preparing_again_replaces_the_rows(make_workshop: Callable[..., Workshop], send: Send) -> None:
    workshop = make_workshop(frozenset({Queue.AUDIO}))
    clone_id, job_id = send(workshop, TWO)
    workshop.work(job_id)
    first = sent_files(workshop, clone_id)
    with workshop.database.write() as session:
        session.execute(update(Job).values(stage=Stage.PREPARE, queue=Queue.AUDIO))
    workshop.work(job_id)
    second = sent_files(workshop, clone_id)
    assert [file.sha256 for file in second] == [file.sha256 for file in first], "the same bytes, found out anew"
    assert not {file.object_key for file in first} & {file.object_key for file in second}


def test_progress_moves_inside_the_stage_and_never_falls(
    workshop: Workshop, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[int] = []
    note = claims.note_progress

    def noting(session: Any, claim: Any, percent: int) -> None:
        if claim.stage is Stage.PREPARE:
            noted.append(percent)
        note(session, claim, percent)

    monkeypatch.setattr(claims, "note_progress", noting)
    monkeypatch.setattr("worker.task._PROGRESS_EVERY_S", 0.0)
    _, job_id = send(workshop, {"anna.wav": noisy_wav(20.0), "otto.wav": noisy_wav(30.0)})
    workshop.work(job_id)
    assert noted == sorted(noted)
    assert len(set(noted)) >= 6
    assert 10 <= noted[0] < 25
    assert noted[-1] == 40
