"""How the end of a stage becomes a state: crashes cost attempts, outages do not, a stopping worker hands back."""

from collections.abc import Callable

import pytest
import structlog

from shared import log, metrics
from shared.errors import AudioUnreadable, DecoderLost, StorageUnavailable
from shared.states import Outcome, Queue, Stage, Status, WaitingFor
from tests.worker.conftest import Workshop
from worker import run


def break_storage(workshop: Workshop, error: Exception) -> None:
    """Make every fetch fail, as a storage at the other end of a network may."""
    storage = workshop.bench.services.storage

    class Broken(type(storage)):  # type: ignore[misc]
        def fetch(self, key, folder):  # type: ignore[no-untyped-def]
            raise error

    storage.__class__ = Broken


def counted(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_run_is_counted_by_how_it_ended(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop(max_attempts=1, queues=frozenset({Queue.VENDOR}))
    runs, errors, ended = (
        "clonepipe_stage_duration_seconds_count",
        "clonepipe_stage_errors_total",
        "clonepipe_jobs_ended_total",
    )
    before = [
        counted(runs, stage="submit", ending="advance"), counted(runs, stage="submit", ending="error"),
        counted(errors, stage="submit", code="STORAGE_UNAVAILABLE"), counted(ended, kind="create", outcome="failed"),
    ]  # fmt: skip
    workshop.work(workshop.order(at=Stage.SUBMIT)[1])
    break_storage(workshop, StorageUnavailable())
    _, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.work(job_id)
    break_storage(workshop, AudioUnreadable())
    workshop.work(job_id)
    assert workshop.job(job_id).outcome is Outcome.FAILED
    assert [
        counted(runs, stage="submit", ending="advance"), counted(runs, stage="submit", ending="error"),
        counted(errors, stage="submit", code="STORAGE_UNAVAILABLE"), counted(ended, kind="create", outcome="failed"),
    ] == [before[0] + 1, before[1] + 2, before[2] + 1, before[3] + 1]  # fmt: skip


def test_every_line_of_the_log_says_which_job_is_in_hand(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_logger", log.get("run"))  # one that no other test's settings are kept in
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    break_storage(workshop, StorageUnavailable())
    processors = [structlog.contextvars.merge_contextvars]
    with structlog.testing.capture_logs(processors=processors) as lines:
        workshop.work(job_id)
        log.get("somebody").info("afterwards")
    stopped = next(line for line in lines if line["event"] == "stage_stopped")
    assert {"job": job_id, "clone": clone_id, "vendor": "sandbox/default", "stage": "submit"}.items() <= stopped.items()
    assert "job" not in lines[-1]


def test_an_unforeseen_error_costs_attempts_and_then_the_job(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop(max_attempts=2)
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    break_storage(workshop, RuntimeError("a bug"))
    for attempt in (1, 2):
        workshop.work(job_id)
        assert workshop.job(job_id).attempt == attempt
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert (view.status, view.error_code) == (Status.FAILED, "INTERNAL_ERROR")
    assert view.error_message is not None
    assert "a bug" not in view.error_message


def test_an_outage_costs_no_attempt_and_waits_longer_each_time(workshop: Workshop) -> None:
    _, job_id = workshop.order(at=Stage.SUBMIT)
    break_storage(workshop, StorageUnavailable())
    for waits in (1, 2, 3):
        workshop.work(job_id)
        job = workshop.job(job_id)
        assert (job.attempt, job.waits, job.waiting_for, job.outcome) == (0, waits, WaitingFor.RETRY, None)


def test_a_decoder_that_is_killed_each_time_costs_attempts_and_then_the_job(
    make_workshop: Callable[..., Workshop],
) -> None:
    workshop = make_workshop(max_attempts=2)
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    break_storage(workshop, DecoderLost("The decoder process was killed while it read anna.wav."))
    for attempt in (1, 2):
        workshop.work(job_id)
        job = workshop.job(job_id)
        assert (job.attempt, job.waiting_for, job.outcome) == (attempt, WaitingFor.RETRY, None)
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert (view.status, view.error_code) == (Status.FAILED, "DECODER_LOST")
    assert "anna.wav" in (view.error_message or "")


def test_a_message_for_a_job_that_is_done_does_nothing(workshop: Workshop) -> None:
    _, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.work(job_id)
    for _ in range(50):
        workshop.work(job_id)
    assert workshop.job(job_id).outcome is Outcome.DONE
    assert len(workshop.sandbox.ledger()) == 1


def test_a_worker_that_does_not_serve_the_next_queue_lets_go(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop(queues=frozenset({Queue.AUDIO}))
    _, job_id = workshop.order(at=Stage.PREPARE)
    from worker.endings import Advance
    from worker.run import _settle

    with workshop.database.write() as session:
        from shared import claims

        claim = claims.take(session, job_id, owner="test", lease_s=30)
    assert claim is not None
    assert _settle(workshop.bench, claim, Advance(Stage.SUBMIT)) is None
    job = workshop.job(job_id)
    assert (job.stage, job.queue, job.lease_until, job.attempt) == (Stage.SUBMIT, Queue.VENDOR, None, 0)


def test_a_recording_that_was_changed_in_storage_is_not_used(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order()
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert (view.status, view.error_code) == (Status.FAILED, "SOURCE_MISSING")
    assert view.error_message is not None
    assert "anna.wav" in view.error_message
