"""A change of mind on every database: once however often it is said, and one outcome however many race for it."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from shared import cancellation, claims, clones, events, jobs, keys, submissions, views
from shared.db.engine import Database
from shared.db.models import Account, Clone, Job, Sample
from shared.errors import ClaimLost, CloneNotFound, NotCancelable, VendorUnavailable
from shared.keys import MAIN_ACCOUNT
from shared.states import EventType, JobKind, Outcome, Stage, Status
from shared.views import CloneView
from tests.contracts.job_rows import begin_extension, take

NewClone = Callable[..., tuple[str, str]]


def cancel(database: Database, clone_id: str, account_id: str = MAIN_ACCOUNT) -> str | None:
    with database.write() as session:
        return cancellation.cancel(session, account_id, clone_id)


def view_of(database: Database, clone_id: str) -> CloneView:
    with database.read() as session:
        return views.get(session, MAIN_ACCOUNT, clone_id)


def lines_of(database: Database, clone_id: str) -> list[tuple[EventType, str | None]]:
    with database.read() as session:
        return [(line.type, line.data.get("code")) for line in events.history(session, clone_id)]


def test_a_creation_of_which_nothing_was_sent_is_over_at_once(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    assert view_of(database, clone_id).is_cancelable
    assert cancel(database, clone_id) is None
    view = view_of(database, clone_id)
    assert (view.status, view.error_code, view.is_terminal) == (Status.FAILED, "CANCELED", True)
    assert "Create it again" in (view.error_message or "")
    assert (view.job_id, view.job_outcome, view.stage) == (job_id, Outcome.CANCELED, None)
    assert (view.is_cancelable, view.is_retryable, view.sample_count) == (False, False, 1)
    assert lines_of(database, clone_id)[1:] == [(EventType.FAILED, "CANCELED")]


def test_who_holds_a_cancelled_job_writes_nothing_more(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    claim = take(database, job_id)
    cancel(database, clone_id)
    for write in (
        lambda s: claims.renew(s, claim, 30.0),
        lambda s: claims.advance(s, claim, Stage.PREPARE, keep_s=None),
        lambda s: claims.finish(s, claim, vendor_voice_id="voice"),
        lambda s: claims.fail(s, claim, VendorUnavailable()),
    ):
        with pytest.raises(ClaimLost), database.write() as session:
            write(session)
    assert view_of(database, clone_id).error_code == "CANCELED"


def test_what_was_intended_is_removed_by_a_job_that_waits_for_the_holder(
    database: Database, new_clone: NewClone
) -> None:
    clone_id, job_id = new_clone()
    claim = take(database, job_id)
    with database.write() as session:
        submissions.intend(session, claim)
    removal_id = cancel(database, clone_id)
    assert removal_id is not None
    view = view_of(database, clone_id)
    assert (view.status, view.error_code, view.is_terminal) == (Status.FAILED, "CANCELED", True)
    assert (view.job_id, view.job_kind, view.job_outcome) == (removal_id, JobKind.CANCEL, None)
    assert (view.stage, view.waiting_for, view.eta_s) == (None, None, None)
    with database.write() as session:
        assert claims.take(session, removal_id, owner="test", lease_s=30.0) is None, "the holder may be in its call"
        jobs.hasten_removal(session, clone_id)
    assert take(database, removal_id).kind is JobKind.CANCEL


def test_a_call_that_the_vendor_refused_leaves_nothing_to_remove(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    claim = take(database, job_id)
    with database.write() as session:
        submissions.refuse(session, submissions.intend(session, claim))
    assert cancel(database, clone_id) is None


@pytest.mark.parametrize("with_intent", [False, True])
def test_saying_it_again_writes_nothing(database: Database, new_clone: NewClone, with_intent: bool) -> None:
    clone_id, job_id = new_clone()
    if with_intent:
        claim = take(database, job_id)
        with database.write() as session:
            submissions.intend(session, claim)
    cancel(database, clone_id)
    before = view_of(database, clone_id)
    assert cancel(database, clone_id) is None
    assert view_of(database, clone_id) == before


def test_what_is_not_going_on_cannot_be_cancelled(database: Database, new_clone: NewClone) -> None:
    (ready, ready_job), (failed, failed_job) = new_clone(), new_clone()
    ready_claim, failed_claim = take(database, ready_job), take(database, failed_job)
    with database.write() as session:
        claims.finish(session, ready_claim, vendor_voice_id="voice")
    with database.write() as session:
        claims.fail(session, failed_claim, VendorUnavailable("gone"))
    for clone_id, status in ((ready, "ready"), (failed, "failed")):
        with pytest.raises(NotCancelable, match=f"'{status}'") as refused:
            cancel(database, clone_id)
        assert dict(refused.value.details) == {"status": status}
        assert not view_of(database, clone_id).is_cancelable


def test_what_is_not_there_for_the_account_is_not_found(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    with database.write() as session:
        stranger = keys.create_account(session)
    with pytest.raises(CloneNotFound):
        cancel(database, clone_id, stranger)
    with pytest.raises(CloneNotFound):
        cancel(database, "vc_nothing")
    with database.read() as session:
        assert session.get_one(Job, job_id).outcome is None
    with database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, clone_id)
    with pytest.raises(CloneNotFound):
        cancel(database, clone_id)


def test_a_cancelled_clone_is_deleted_as_any_other(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    claim = take(database, job_id)
    with database.write() as session:
        submissions.intend(session, claim)
    removal_id = cancel(database, clone_id)
    with database.read() as session:
        assert session.get_one(Account, MAIN_ACCOUNT).clones_held == 1, "it keeps its place until then"
    with database.write() as session:
        erase_id = clones.delete(session, MAIN_ACCOUNT, clone_id)
    with database.read() as session:
        assert session.get_one(Job, removal_id).outcome is Outcome.CANCELED
        assert session.get_one(Job, erase_id).outcome is None


def test_a_cancelled_extension_takes_its_recordings_and_leaves_the_voice(
    database: Database, new_clone: NewClone
) -> None:
    clone_id, extend_id = begin_extension(database, new_clone)
    with database.write() as session:
        known = [{"filename": "b.wav", "sample_id": "smp_b", "warning": "noisy", "job_id": extend_id}]
        session.execute(update(Clone).where(Clone.id == clone_id).values(warnings=known))
    assert view_of(database, clone_id).sample_count == 2
    assert cancel(database, clone_id) is None
    view = view_of(database, clone_id)
    assert (view.status, view.error_code, view.sample_count, view.warnings) == (Status.READY, None, 1, ())
    assert (view.job_outcome, view.last_error, view.vendor_voice_id) == (Outcome.CANCELED, None, "voice")
    assert lines_of(database, clone_id)[-1] == (EventType.FAILED, "CANCELED")
    with database.read() as session:
        assert session.scalars(select(Sample.id).where(Sample.job_id == extend_id)).all() == []


def test_of_twenty_at_once_and_a_worker_that_finishes_there_is_one_outcome(
    database: Database, new_clone: NewClone
) -> None:
    clone_id, job_id = new_clone()
    claim = take(database, job_id)
    start = threading.Barrier(21)
    said: list[str] = []

    def change_mind() -> None:
        start.wait()
        try:
            cancel(database, clone_id)
            said.append("cancelled")
        except NotCancelable:
            said.append("too late")

    def finish() -> None:
        start.wait()
        try:
            with database.write() as session:
                claims.finish(session, claim, vendor_voice_id="voice")
            said.append("finished")
        except ClaimLost:
            said.append("lost")

    threads = [threading.Thread(target=change_mind) for _ in range(20)] + [threading.Thread(target=finish)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    last = lines_of(database, clone_id)[1:]
    if "finished" in said:
        assert said.count("too late") == 20
        assert last == [(EventType.READY, None)]
    else:
        assert (said.count("cancelled"), said.count("lost")) == (20, 1)
        assert last == [(EventType.FAILED, "CANCELED")]
