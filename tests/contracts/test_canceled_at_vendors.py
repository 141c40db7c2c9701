"""A clone that is cancelled leaves no voice, whenever it was: every way of creating one, against the vendor's ledger.

Before the call, while it is out, with its answer lost, after it; and the removal itself cut off in between.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from shared import cancellation, clones, erasures, events, gates, plans, views
from shared.db.models import Submission
from shared.errors import NotCancelable, VendorQuota
from shared.keys import MAIN_ACCOUNT
from shared.states import JobKind, Outcome, Stage, Status, WaitingFor
from shared.views import CloneView
from tests.contracts.test_vendors import Scene, scene
from tests.fakes.acts import Act, Manner, Moment
from tests.fakes.call import Call
from tests.fakes.server import FakeVendor
from tests.worker.conftest import make_workshop
from worker.late_look import look
from worker.run import work

__all__ = ["make_workshop", "scene"]  # fixtures that live beside what they open


def cancel(scene: Scene, clone_id: str) -> str | None:
    with scene.shop.database.write() as session:
        return cancellation.cancel(session, MAIN_ACCOUNT, clone_id)


def submitted(scene: Scene) -> tuple[str, str]:
    """Order a clone and let the vendor begin it, in a worker that stops before it follows the training."""
    clone_id, job_id = scene.order()
    scene.shop.bench.stopping.set()
    work(scene.shop.bench, job_id)
    scene.shop.bench.stopping.clear()
    assert scene.shop.job(job_id).stage is Stage.TRACK
    return clone_id, job_id


def assert_gone(scene: Scene, clone_id: str, made: int = 1) -> None:
    """Hold clone and ledger to a removal that is complete; `made`: how many voices there were to remove."""
    view = scene.shop.view(clone_id)
    assert (view.status, view.error_code, view.is_terminal) == (Status.FAILED, "CANCELED", True)
    assert (view.job_kind, view.job_outcome) == (JobKind.CANCEL, Outcome.DONE)
    assert scene.shop.clone(clone_id).vendor_voice_id is None
    with scene.shop.database.read() as session:
        removed = events.history(session, clone_id)[-1].data["removed"]
    outcome = "deleted" if scene.case.can_delete else "unsupported"
    assert [one["outcome"] for one in removed] == [outcome] * made
    if scene.case.can_delete:
        assert (scene.fake.ledger(), view.notes) == ((), ())
    else:
        assert len(scene.fake.ledger()) == made
        advice = [one["advice"] for one in removed]
        assert [note for note in view.notes if "in Retell's dashboard" in note] == advice


@contextmanager
def an_answer_held_back(fake: FakeVendor) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Hold back the first answer after a voice exists; give what is set when one does, and what lets the answer go."""
    made, released = threading.Event(), threading.Event()
    reply = fake.reply

    def held_back(call: Call):  # type: ignore[no-untyped-def]
        answer = reply(call)
        if fake.ledger() and not made.is_set():
            made.set()
            released.wait(10)
        return answer

    fake.reply = held_back  # type: ignore[method-assign]
    try:
        yield made, released
    finally:
        released.set()
        fake.reply = reply  # type: ignore[method-assign]


def test_before_the_call_nothing_is_ever_sent(scene: Scene) -> None:
    clone_id, job_id = scene.order()
    assert cancel(scene, clone_id) is None
    for _ in range(3):
        scene.shop.work(job_id)
    assert (scene.fake.calls, scene.fake.ledger()) == ([], ())
    assert scene.shop.job(job_id).outcome is Outcome.CANCELED


def test_an_answer_that_comes_after_the_cancel_is_no_voice_for_long(scene: Scene) -> None:
    clone_id, job_id = scene.order()
    with an_answer_held_back(scene.fake) as (made, released):
        worker = threading.Thread(target=work, args=(scene.shop.bench, job_id))
        worker.start()
        assert made.wait(10)
        removal_id = cancel(scene, clone_id)
        released.set()
        worker.join(30)
    assert removal_id is not None
    assert scene.shop.job(job_id).outcome is Outcome.CANCELED
    assert scene.shop.job(removal_id).due_at <= scene.shop.job(removal_id).announce_at, "its holder has let go of it"
    scene.run(removal_id)
    assert_gone(scene, clone_id)


@pytest.mark.parametrize("when", list(Moment), ids=lambda when: when.name.lower())
def test_an_answer_that_was_lost_is_waited_out_and_its_voice_found(scene: Scene, when: Moment) -> None:
    scene.fake.misbehave(Act(Manner.DROP, when))
    clone_id, job_id = scene.order()
    work(scene.shop.bench, job_id)
    removal_id = cancel(scene, clone_id)
    assert removal_id is not None
    made = len(scene.fake.ledger())
    work(scene.shop.bench, removal_id)
    assert scene.shop.job(removal_id).waiting_for is WaitingFor.VENDOR, "a call may become a voice late"
    assert len(scene.fake.ledger()) == made
    scene.run(removal_id)
    assert_gone(scene, clone_id, made)


def test_a_voice_that_shows_later_than_declared_is_found_by_one_more_look(scene: Scene) -> None:
    scene.fake.misbehave(Act(Manner.DROP, Moment.AFTER))
    clone_id, job_id = scene.order()
    work(scene.shop.bench, job_id)
    scene.fake.listing_lag_s = 3600.0
    removal_id = cancel(scene, clone_id)
    assert removal_id is not None
    scene.run(removal_id)
    scene.fake.listing_lag_s = 0.0
    with scene.shop.database.read() as session:
        submission = session.scalars(select(Submission)).one()
    assert submission.look_again_at is not None
    look(scene.shop.bench, submission.id)
    assert scene.fake.ledger() == () or not scene.case.can_delete


def test_a_voice_in_training_is_removed(scene: Scene) -> None:
    clone_id, job_id = submitted(scene)
    assert len(scene.fake.ledger()) == 1
    with scene.shop.database.write() as session:
        plans.note_full(session, scene.case.vendor, scene.case.engine, VendorQuota("full"))
    removal_id = cancel(scene, clone_id)
    assert removal_id is not None
    assert cancel(scene, clone_id) is None, "once"
    scene.run(removal_id)
    assert_gone(scene, clone_id)
    scene.shop.work(job_id)
    assert len(scene.fake.ledger()) == (0 if scene.case.can_delete else 1)
    with scene.shop.database.read() as session:
        assert bool(gates.shut(session)) is not scene.case.can_delete, "where one is deleted there is room"


def test_a_removal_that_was_cut_off_after_the_voice_was_gone_comes_to_its_end(scene: Scene) -> None:
    clone_id, _ = submitted(scene)
    removal_id = cancel(scene, clone_id)
    assert removal_id is not None
    (voice_id,) = scene.fake.ledger()
    if scene.case.can_delete:
        scene.shop.bench.services.vendors[scene.case.vendor].discard(scene.case.engine, voice_id)
    scene.run(removal_id)
    assert_gone(scene, clone_id)


def test_a_vendor_that_is_down_is_waited_for(scene: Scene) -> None:
    clone_id, _ = submitted(scene)
    removal_id = cancel(scene, clone_id)
    assert removal_id is not None
    scene.fake.stop()
    for _ in range(8):
        scene.shop.work(removal_id)
    assert (scene.shop.job(removal_id).outcome, scene.shop.job(removal_id).attempt) == (None, 0)
    view: CloneView = scene.shop.view(clone_id)
    assert (view.is_terminal, view.waiting_for) == (True, None)
    assert view.last_error is not None, "what the removal waits for is told"


def test_deleting_a_clone_whose_removal_is_not_done_erases_it(scene: Scene) -> None:
    clone_id, _ = submitted(scene)
    removal_id = cancel(scene, clone_id)
    assert removal_id is not None
    with scene.shop.database.write() as session:
        erase_id = clones.delete(session, MAIN_ACCOUNT, clone_id)
    scene.run(erase_id)
    assert scene.shop.job(removal_id).outcome is Outcome.CANCELED
    with scene.shop.database.read() as session:
        proof = erasures.get(session, MAIN_ACCOUNT, clone_id)
    assert [voice.outcome for voice in proof.voices] == ["deleted" if scene.case.can_delete else "unsupported"]
    assert scene.fake.ledger() == () or not scene.case.can_delete


def test_deleting_a_clone_that_was_cancelled_proves_what_became_of_its_voice(scene: Scene) -> None:
    clone_id, _ = submitted(scene)
    removal_id = cancel(scene, clone_id)
    assert removal_id is not None
    scene.run(removal_id)
    with scene.shop.database.write() as session:
        erase_id = clones.delete(session, MAIN_ACCOUNT, clone_id)
    scene.run(erase_id)
    with scene.shop.database.read() as session:
        proof = erasures.get(session, MAIN_ACCOUNT, clone_id)
    assert [voice.outcome for voice in proof.voices] == ["deleted" if scene.case.can_delete else "unsupported"]


def test_a_job_that_finished_first_is_not_cancelled(scene: Scene) -> None:
    view, _ = scene.clone()
    with pytest.raises(NotCancelable):
        cancel(scene, view.id)
    assert scene.fake.ledger() == (view.vendor_voice_id,)
    with scene.shop.database.read() as session:
        assert views.get(session, MAIN_ACCOUNT, view.id).status is Status.READY
