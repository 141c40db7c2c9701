"""How the end of a stage becomes a state: crashes cost attempts, outages do not, a stopping worker hands back."""

from collections.abc import Callable

from shared.errors import DecoderLost, StorageUnavailable
from shared.states import Outcome, Queue, Stage, Status, WaitingFor
from tests.worker.conftest import Workshop


def break_storage(workshop: Workshop, error: Exception) -> None:
    """Make every fetch fail, as a storage at the other end of a network may."""
    storage = workshop.bench.services.storage

    class Broken(type(storage)):  # type: ignore[misc]
        def fetch(self, key, folder):  # type: ignore[no-untyped-def]
            raise error

    storage.__class__ = Broken


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
