"""Erasing: nothing at the vendor, nothing in storage, nothing that tells of the person."""

from sqlalchemy import select

from shared import clones
from shared.db.models import Account, Clone, PreparedFile
from shared.keys import MAIN_ACCOUNT
from shared.states import Outcome, Stage, WaitingFor
from shared.storage.protocol import put
from tests.worker.conftest import Workshop


def erase(workshop: Workshop, clone_id: str) -> str:
    with workshop.database.write() as session:
        return clones.delete(session, MAIN_ACCOUNT, clone_id)


def stored(workshop: Workshop) -> list[str]:
    return [found.key for found in workshop.bench.services.storage.list("samples/")]


def test_a_ready_voice_is_erased_everywhere(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.work(job_id)
    assert workshop.sandbox.ledger()
    with workshop.database.write() as session:
        found = {"filename": "anna.wav", "sample_id": "smp_1", "warning": "truncated: a little"}
        session.get_one(Clone, clone_id).warnings = [found]
    erase_id = erase(workshop, clone_id)
    workshop.work(erase_id)
    assert workshop.job(erase_id).outcome is Outcome.DONE
    assert workshop.sandbox.ledger() == ()
    assert stored(workshop) == []
    with workshop.database.read() as session:
        assert session.scalars(select(PreparedFile)).all() == []
    clone = workshop.clone(clone_id)
    assert (clone.name, clone.description, clone.vendor_voice_id, clone.warnings) == ("", None, None, None)
    with workshop.database.read() as session:
        assert session.get_one(Account, MAIN_ACCOUNT).clones_held == 0


def test_what_a_stage_that_was_cut_off_left_is_erased_too_and_nothing_of_others(workshop: Workshop) -> None:
    clone_id, _ = workshop.order()
    other_id, _ = workshop.order()
    left = next(key for key in stored(workshop) if clone_id in key and key.endswith("/original"))
    put(workshop.bench.services.storage, f"{left.rsplit('/', 2)[0]}/prepared/7-2.flac", b"cut off")
    workshop.work(erase(workshop, clone_id))
    assert len(stored(workshop)) == 2
    assert all(other_id in key for key in stored(workshop))


def test_a_clone_that_was_never_submitted_is_erased(workshop: Workshop) -> None:
    clone_id, _ = workshop.order()
    erase_id = erase(workshop, clone_id)
    workshop.work(erase_id)
    assert workshop.job(erase_id).outcome is Outcome.DONE
    assert stored(workshop) == []


def test_a_call_whose_answer_is_out_is_waited_for_before_the_vendor_is_searched(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order("Anna answer_lost", at=Stage.SUBMIT)
    workshop.work(job_id)
    erase_id = erase(workshop, clone_id)
    workshop.work(erase_id)
    job = workshop.job(erase_id)
    assert (job.outcome, job.waiting_for) == (None, WaitingFor.VENDOR)
    workshop.age_submissions(60)
    workshop.work(erase_id)
    assert workshop.job(erase_id).outcome is Outcome.DONE
    assert workshop.sandbox.ledger() == ()


def test_erasing_does_not_give_up_when_the_vendor_is_not_configured_any_more(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.work(job_id)
    erase_id = erase(workshop, clone_id)
    with workshop.database.write() as session:
        session.get_one(Clone, clone_id).vendor = "gone"
        from shared.db.models import Job

        session.get_one(Job, erase_id).vendor = "gone"
    for _ in range(8):
        workshop.work(erase_id)
    job = workshop.job(erase_id)
    assert (job.outcome, job.waiting_for, job.error_code) == (None, WaitingFor.RETRY, "SETUP")
