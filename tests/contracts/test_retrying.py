"""A second chance on every database: the same job goes on, once however often it is asked for."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from shared import aside, cancellation, claims, clones, events, keys, retrying, sent, submissions, views
from shared.db.engine import Database
from shared.db.models import Account, Clone, Job, Sample
from shared.db.moment import db_now
from shared.errors import (
    CloneNotFound,
    NotRetryable,
    ServiceError,
    TrainingFailed,
    TrainingOverdue,
    VendorProtocol,
    VendorUnavailable,
    VendorVoiceNotFound,
)
from shared.estimates import estimate
from shared.keys import MAIN_ACCOUNT
from shared.states import EventType, Outcome, Stage, Status, SubmissionState
from shared.views import CloneView
from tests.contracts.job_rows import VENDORS, begin_extension, extend, take

NewClone = Callable[..., tuple[str, str]]


def retry(database: Database, clone_id: str, account_id: str = MAIN_ACCOUNT) -> tuple[str, Stage] | None:
    with database.write() as session:
        return retrying.retry(session, VENDORS, account_id, clone_id)


def fail(database: Database, job_id: str, error: ServiceError | None = None, at: Stage = Stage.VALIDATE) -> None:
    """Let a job fail at a stage."""
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(stage=at))
    claim = take(database, job_id)
    with database.write() as session:
        claims.fail(session, claim, error or VendorUnavailable("gone"))


def view_of(database: Database, clone_id: str) -> CloneView:
    with database.read() as session:
        return views.get(session, MAIN_ACCOUNT, clone_id)


def job_of(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return session.get_one(Job, job_id)


def submit(database: Database, job_id: str, voice_id: str | None = None) -> str:
    """Leave a submission as `submit` leaves it, with the voice that came of it; return its marker."""
    claim = take(database, job_id)
    with database.write() as session:
        marker = submissions.intend(session, claim)
        if voice_id is not None:
            submissions.accept(session, marker, voice_id)
        claims.hand_back(session, claim)
    return marker


def state_of(database: Database, job_id: str) -> SubmissionState | None:
    with database.read() as session:
        last = submissions.latest(session, job_id)
    return None if last is None else last.state


@pytest.mark.parametrize("stage", list(Stage))
def test_the_same_job_goes_on_at_the_stage_that_failed(database: Database, new_clone: NewClone, stage: Stage) -> None:
    clone_id, job_id = new_clone()
    fail(database, job_id, at=stage)
    failed = job_of(database, job_id)
    assert view_of(database, clone_id).is_retryable
    assert retry(database, clone_id) == (job_id, stage)
    view, job = view_of(database, clone_id), job_of(database, job_id)
    assert (view.status, view.error_code, view.error_message, view.job_id) == (Status.PROCESSING, None, None, job_id)
    assert (view.is_retryable, view.is_cancelable, view.is_terminal) == (False, True, False)
    assert (job.outcome, job.stage, job.attempt, job.waits, job.retries, job.finished_at) == (
        None,
        stage,
        0,
        0,
        1,
        None,
    )
    assert (job.error_code, job.fence) == (None, failed.fence + 1)
    assert job.stage_started_at > failed.stage_started_at
    assert take(database, job_id).stage is stage
    with database.read() as session:
        last = events.history(session, clone_id)[-1]
        assert session.get_one(Account, MAIN_ACCOUNT).clones_held == 1
    assert (last.type, last.data["stage"], last.data["retries"]) == (EventType.PROCESSING, stage, 1)


def test_a_job_that_goes_on_is_left_alone(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    assert retry(database, clone_id) is None, "it never failed"
    fail(database, job_id)
    retry(database, clone_id)
    before = view_of(database, clone_id)
    assert retry(database, clone_id) is None
    assert replace(view_of(database, clone_id), eta_s=before.eta_s) == before


def test_what_has_not_failed_cannot_be_tried_again(database: Database, new_clone: NewClone) -> None:
    (ready, ready_job), (canceled, _) = new_clone(), new_clone()
    claim = take(database, ready_job)
    with database.write() as session:
        claims.finish(session, claim, vendor_voice_id="voice")
    with database.write() as session:
        cancellation.cancel(session, MAIN_ACCOUNT, canceled)
    with pytest.raises(NotRetryable, match="'ready'"):
        retry(database, ready)
    with pytest.raises(NotRetryable, match="create it again"):
        retry(database, canceled)


def test_what_is_not_there_for_the_account_is_not_found(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    fail(database, job_id)
    with database.write() as session:
        stranger = keys.create_account(session)
    for account_id, asked in ((stranger, clone_id), (MAIN_ACCOUNT, "vc_nothing")):
        with pytest.raises(CloneNotFound):
            retry(database, asked, account_id)
    with database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, clone_id)
    with pytest.raises(CloneNotFound):
        retry(database, clone_id)


def test_of_twenty_at_once_one_revives_the_job(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    fail(database, job_id)
    start = threading.Barrier(20)
    revived: list[tuple[str, Stage] | None] = []

    def ask() -> None:
        start.wait()
        revived.append(retry(database, clone_id))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(revived, key=str) == [(job_id, Stage.VALIDATE), *[None] * 19]
    assert job_of(database, job_id).retries == 1
    with database.read() as session:
        assert [line.type for line in events.history(session, clone_id)].count(EventType.PROCESSING) == 2


@pytest.mark.parametrize("error", [TrainingFailed(), VendorVoiceNotFound()], ids=lambda error: error.code)
def test_a_voice_that_came_to_nothing_is_made_anew(
    database: Database, new_clone: NewClone, error: ServiceError
) -> None:
    clone_id, job_id = new_clone()
    submit(database, job_id, "voice")
    fail(database, job_id, error, at=Stage.TRACK)
    assert retry(database, clone_id) == (job_id, Stage.SUBMIT)
    assert state_of(database, job_id) is SubmissionState.SPENT


def test_a_training_that_took_too_long_is_followed_on(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    submit(database, job_id, "voice")
    fail(database, job_id, TrainingOverdue(), at=Stage.TRACK)
    assert retry(database, clone_id) == (job_id, Stage.TRACK)
    assert state_of(database, job_id) is SubmissionState.ACCEPTED
    assert take(database, job_id).stage_age_s < 5


def test_a_call_that_never_answered_is_looked_for_with_new_patience(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    marker = submit(database, job_id)
    with database.write() as session:
        submissions.refuse(session, marker)
    fail(database, job_id, VendorProtocol("never answered"), at=Stage.SUBMIT)
    retry(database, clone_id)
    with database.read() as session:
        last = submissions.latest(session, job_id)
    assert last is not None
    assert (last.state, last.calls, last.empty_looks, last.marker) == (SubmissionState.INTENDED, 0, 0, marker)


def test_a_call_that_was_refused_is_simply_made_again(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    marker = submit(database, job_id)
    with database.write() as session:
        submissions.refuse(session, marker)
    fail(database, job_id, at=Stage.SUBMIT)
    retry(database, clone_id)
    assert state_of(database, job_id) is SubmissionState.REFUSED


def test_a_job_that_was_tried_again_says_nothing_of_how_long_they_take(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    fail(database, job_id)
    retry(database, clone_id)
    claim = take(database, job_id)
    with database.write() as session:
        claims.finish(session, claim, vendor_voice_id="voice")
        session.execute(update(Job).where(Job.id == job_id).values(created_at=db_now(-86_400)))
    with database.read() as session:
        assert estimate(session, "sandbox", "default", 4.0).typical_s < 100


def test_a_failed_extension_is_set_aside_until_it_is_tried_again(database: Database, new_clone: NewClone) -> None:
    clone_id, extend_id = begin_extension(database, new_clone)
    with database.write() as session:
        said = {"filename": "b.wav", "sample_id": "smp_b", "warning": "noisy", "job_id": extend_id}
        session.execute(update(Clone).where(Clone.id == clone_id).values(warnings=[said]))
    fail(database, extend_id)
    view = view_of(database, clone_id)
    assert (view.status, view.sample_count, view.warnings, view.is_retryable) == (Status.READY, 1, (), True)
    assert view.last_error == ("VENDOR_UNAVAILABLE", "gone")
    with database.read() as session:
        assert len(views.samples(session, MAIN_ACCOUNT, clone_id)) == 1
        assert sent.files(session, MAIN_ACCOUNT, clone_id) == ()
    assert retry(database, clone_id) == (extend_id, Stage.VALIDATE)
    view = view_of(database, clone_id)
    assert (view.status, view.sample_count, len(view.warnings), view.last_error) == (Status.READY, 2, 1, None)


def test_the_next_change_takes_the_place_of_one_that_failed(database: Database, new_clone: NewClone) -> None:
    clone_id, first = begin_extension(database, new_clone)
    fail(database, first)
    second = extend(database, clone_id)
    with database.read() as session:
        found = session.scalars(select(Sample.job_id).where(Sample.clone_id == clone_id)).all()
    assert first not in found
    assert second in found
    assert view_of(database, clone_id).sample_count == 2


def test_what_is_set_aside_is_gone_after_a_day_and_cannot_be_tried_again(
    database: Database, new_clone: NewClone
) -> None:
    clone_id, extend_id = begin_extension(database, new_clone)
    fail(database, extend_id)
    for age_s, gone in ((aside.KEPT_S - 60, 0), (aside.KEPT_S + 60, 1)):
        with database.write() as session:
            session.execute(update(Job).where(Job.id == extend_id).values(finished_at=db_now(-age_s)))
            assert aside.any_expired(session) is bool(gone)
            assert len(aside.drop_expired(session)) == gone
    assert not view_of(database, clone_id).is_retryable
    with pytest.raises(NotRetryable, match="add them again"):
        retry(database, clone_id)
    assert job_of(database, extend_id).outcome is Outcome.FAILED, "a refusal leaves it as it was"


def test_only_the_newest_job_is_tried_again(database: Database, new_clone: NewClone) -> None:
    clone_id, first = begin_extension(database, new_clone)
    fail(database, first)
    second = extend(database, clone_id)
    assert retry(database, clone_id) is None
    assert (job_of(database, first).outcome, job_of(database, second).outcome) == (Outcome.FAILED, None)


def test_an_engine_that_is_not_configured_any_more_is_no_hindrance(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    fail(database, job_id)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(vendor="gone"))
    assert retry(database, clone_id) == (job_id, Stage.VALIDATE)
    assert view_of(database, clone_id).status is Status.PROCESSING
