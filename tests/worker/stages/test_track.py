"""Following a training: ready, failed with a reason, overdue, deleted at the vendor."""

from collections.abc import Callable

from sqlalchemy import update

from shared.db.models import Job
from shared.db.moment import db_now
from shared.states import Stage, Status, WaitingFor
from tests.contracts.vendor_cases import CASES
from tests.fakes.buena import FakeBuena
from tests.worker.conftest import Workshop


def test_a_training_in_progress_rests_in_its_row(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop()
    clone_id, job_id = workshop.order("Anna slow", at=Stage.SUBMIT)
    workshop.sandbox._training_s = 1000.0
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert (view.stage, view.waiting_for, view.status) == (Stage.TRACK, WaitingFor.VENDOR, Status.PROCESSING)
    assert 50 <= view.progress < 100


def test_where_no_percent_is_told_the_progress_follows_the_usual_time(make_workshop: Callable[..., Workshop]) -> None:
    buena = next(case for case in CASES if case.vendor == "buena")
    fake = FakeBuena()
    fake.listing_lag_s = 1000.0  # its list, the only look at a training that there is, does not show the voice
    with fake.running():
        workshop = make_workshop(**buena.settings(fake))
        clone_id, job_id = workshop.order(
            at=Stage.SUBMIT, vendor="buena", prepared=buena.recording(), container="flac", prepared_s=buena.file_s
        )
        workshop.work(job_id)
        usual_s = workshop.bench.services.vendors["buena"].engines["default"].training_typical_s
        with workshop.database.write() as session:
            session.execute(update(Job).values(stage_started_at=db_now(-usual_s), due_at=db_now(-1)))
        workshop.work(job_id)
    assert workshop.view(clone_id).progress == 50 + 49 // 2


def test_a_failed_training_says_why_and_what_to_do(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order("Anna fail_at_training", at=Stage.SUBMIT)
    workshop.work(job_id)
    view = workshop.view(clone_id)
    assert (view.status, view.error_code) == (Status.FAILED, "TRAINING_FAILED")
    assert view.error_message is not None
    assert "fail_at_training" in view.error_message
    assert "Upload other recordings" in view.error_message


def test_a_voice_that_vanished_at_the_vendor_fails(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.sandbox._training_s = 1000.0
    workshop.work(job_id)
    workshop.sandbox.discard("default", workshop.sandbox.ledger()[0])
    workshop.work(job_id)
    assert workshop.view(clone_id).error_code == "TRAINING_FAILED"


def test_a_training_that_never_ends_is_given_up_at_its_deadline(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.sandbox._training_s = 1e6
    workshop.work(job_id)
    with workshop.database.write() as session:
        session.execute(update(Job).values(stage_started_at=db_now(-3601)))
    workshop.work(job_id)
    assert workshop.view(clone_id).error_code == "TRAINING_OVERDUE"


def test_a_vendor_is_waited_for_only_until_the_next_look_is_due(workshop: Workshop) -> None:
    clone_id, job_id = workshop.order(at=Stage.SUBMIT)
    workshop.sandbox._training_s = 1000.0
    workshop.work(job_id)
    for waiting_for, told in ((WaitingFor.VENDOR, None), (WaitingFor.VERIFICATION, WaitingFor.VERIFICATION)):
        with workshop.database.write() as session:
            session.execute(update(Job).where(Job.id == job_id).values(waiting_for=waiting_for, due_at=db_now(-1)))
        assert workshop.view(clone_id).waiting_for is told
