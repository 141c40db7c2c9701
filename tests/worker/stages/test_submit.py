"""The paid call, effectively once: the sandbox's ledger is the witness."""

from collections.abc import Sequence

import pytest
from sqlalchemy import delete, update

from shared.db.models import Job, PreparedFile
from shared.states import Stage, Status, SubmissionState, WaitingFor
from shared.vendors.protocol import CloneOrder, SampleFile, Submitted
from tests.worker.conftest import Workshop


def vendor_has(workshop: Workshop, job_id: str, marker: str) -> str:
    """Let the vendor have heard a call whose answer never arrived."""
    order = CloneOrder("vc_x", "Anna", None, None, None, {}, {})
    return workshop.sandbox.submit("default", order, [], marker).voice_id


def test_an_order_becomes_one_voice(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert view.status is Status.READY
    assert workshop.sandbox.ledger() == (view.vendor_voice_id,)


def test_the_vendor_gets_what_was_prepared_under_names_that_tell_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, job_id = workshop.order(at=Stage.SUBMIT)
    sent: list[tuple[bytes, str, str, float, bool]] = []
    submit = workshop.sandbox.submit

    def watched(engine: str, order: CloneOrder, files: Sequence[SampleFile], marker: str) -> Submitted:
        sent.extend((f.path.read_bytes(), f.filename, f.content_type, f.duration_s, f.cleaned) for f in files)
        return submit(engine, order, files, marker)

    monkeypatch.setattr(workshop.sandbox, "submit", watched)
    workshop.work(job_id)
    assert sent == [(b"prepared", f"{job_id[4:12]}-1.flac", "audio/flac", 2.0, True)]


def test_without_anything_prepared_nobody_is_called(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    with workshop.database.write() as session:
        session.execute(delete(PreparedFile))
    workshop.work(job_id)
    assert workshop.view(clone_id).status is Status.FAILED
    assert (workshop.submission(job_id), workshop.sandbox.ledger()) == (None, ())


def test_a_lost_answer_is_found_by_its_marker(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order("Anna answer_lost", at=Stage.SUBMIT)
    workshop.work(job_id)
    assert workshop.job(job_id).waiting_for is WaitingFor.RETRY
    workshop.work(job_id)
    assert workshop.view(clone_id).status is Status.READY
    assert len(workshop.sandbox.ledger()) == 1


def test_a_worker_killed_after_the_call_is_followed_by_one_that_adopts(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    voice_id = vendor_has(workshop, job_id, workshop.intend(job_id))
    workshop.work(job_id)
    assert workshop.view(clone_id).vendor_voice_id == voice_id
    assert workshop.sandbox.ledger() == (voice_id,)


def test_a_worker_killed_before_the_call_is_followed_by_one_call_after_two_late_looks(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.intend(job_id)
    workshop.work(job_id)
    first_look = workshop.submission(job_id)
    assert first_look is not None
    assert first_look.empty_looks == 1
    workshop.work(job_id)
    assert workshop.sandbox.ledger() == (), "the second look was too early to be believed"
    workshop.age_submissions(60)
    workshop.work(job_id)
    assert workshop.view(clone_id).status is Status.READY
    assert len(workshop.sandbox.ledger()) == 1


def test_one_late_look_is_not_enough(workshop: Workshop) -> None:
    _, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.intend(job_id, age_s=3600)
    workshop.work(job_id)
    assert workshop.sandbox.ledger() == ()


def test_of_two_voices_the_oldest_is_kept_and_the_other_deleted(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    marker = workshop.intend(job_id)
    oldest = vendor_has(workshop, job_id, marker)
    vendor_has(workshop, job_id, marker)
    workshop.work(job_id)
    assert workshop.sandbox.ledger() == (oldest,)
    assert workshop.view(clone_id).vendor_voice_id == oldest


def test_a_refusal_fails_the_clone_with_the_vendors_words(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order("Anna fail_at_submit", at=Stage.SUBMIT)
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert (view.status, view.error_code, view.progress < 100) == (Status.FAILED, "VENDOR_REJECTED", True)
    submission = workshop.submission(job_id)
    assert submission is not None
    assert submission.state is SubmissionState.REFUSED


def test_a_rate_limit_waits_burns_no_attempt_and_calls_again_with_the_same_marker(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order("Anna rate_limited", at=Stage.SUBMIT)
    workshop.work(job_id)
    job = workshop.job(job_id)
    assert (job.waiting_for, job.attempt) == (WaitingFor.RATE_LIMIT, 0)
    for _ in range(2):
        workshop.wait_out_the_gates()
        workshop.work(job_id)
    assert workshop.view(clone_id).status is Status.READY
    assert len(workshop.sandbox.ledger()) == 1


def test_a_worker_that_lost_its_claim_calls_nobody(workshop: Workshop) -> None:
    _, job_id = workshop.order(at=Stage.SUBMIT)
    storage = workshop.bench.services.storage

    class StealingStorage(type(storage)):  # type: ignore[misc]
        """Another worker takes the job while this one fetches the files: the last moment before the intent."""

        def fetch(self, key, folder):  # type: ignore[no-untyped-def]
            with workshop.database.write() as session:
                session.execute(update(Job).values(fence=Job.fence + 1))
            return super().fetch(key, folder)

    storage.__class__ = StealingStorage
    workshop.work(job_id)
    assert workshop.sandbox.ledger() == ()
    assert workshop.submission(job_id) is None
