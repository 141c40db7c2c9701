"""What is tried again costs no second voice: every way of creating one, against the vendor's ledger.

After a refusal, after calls that were never answered, after a training that failed, and after workers that died.
"""

import pytest

from shared import claims, events, retrying
from shared.db.models import PreparedFile
from shared.errors import TrainingFailed, TrainingOverdue, WorkerLost
from shared.keys import MAIN_ACCOUNT
from shared.states import Stage, Status
from shared.views import CloneView
from tests.contracts.job_rows import take
from tests.contracts.test_canceled_at_vendors import cancel, submitted
from tests.contracts.test_vendors import Scene, scene
from tests.fakes.acts import Act, Manner, Moment
from tests.worker.conftest import make_workshop
from worker.run import work

__all__ = ["make_workshop", "scene"]  # fixtures that live beside what they open


def retry(scene: Scene, clone_id: str) -> tuple[str, Stage] | None:
    with scene.shop.database.write() as session:
        return retrying.retry(session, scene.shop.bench.services.vendors, MAIN_ACCOUNT, clone_id)


def end_badly(scene: Scene, job_id: str, error: TrainingFailed | TrainingOverdue | WorkerLost) -> None:
    """Let a job end as a worker ends it, where it stands."""
    claim = take(scene.shop.database, job_id)
    with scene.shop.database.write() as session:
        claims.fail(session, claim, error)


def ready(scene: Scene, clone_id: str, job_id: str) -> CloneView:
    """Follow a job to its end and hold clone and ledger to one voice."""
    scene.run(job_id, most_s=60)
    view = scene.shop.view(clone_id)
    assert (view.status, view.error_code, view.job_id) == (Status.READY, None, job_id)
    return view


def test_a_refusal_is_followed_by_one_voice(scene: Scene) -> None:
    scene.fake.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 400, {}))
    view, job_id = scene.clone()
    assert (view.error_code, view.is_retryable) == ("VENDOR_REJECTED", True)
    with scene.shop.database.read() as session:
        prepared = session.get_one(PreparedFile, (view.id, 1)).object_key
    assert retry(scene, view.id) == (job_id, Stage.SUBMIT)
    view = ready(scene, view.id, job_id)
    assert scene.fake.ledger() == (view.vendor_voice_id,)
    with scene.shop.database.read() as session:
        assert session.get_one(PreparedFile, (view.id, 1)).object_key == prepared, "nothing is prepared twice"


def test_what_came_of_a_call_that_was_never_answered_is_found_and_not_made_again(scene: Scene) -> None:
    scene.fake.misbehave(*[Act(Manner.DROP, Moment.BEFORE)] * 2, Act(Manner.DROP, Moment.AFTER))
    scene.fake.listing_lag_s = 3600.0
    clone_id, job_id = scene.order()
    scene.run(job_id, most_s=60)
    scene.fake.listing_lag_s = 0.0
    view = scene.shop.view(clone_id)
    if view.status is Status.FAILED:
        made = scene.fake.ledger()
        assert (view.error_code, len(made)) == ("VENDOR_PROTOCOL", 1)
        assert retry(scene, clone_id) == (job_id, Stage.SUBMIT)
        view = ready(scene, clone_id, job_id)
        assert scene.fake.ledger() == made
    assert scene.fake.ledger() == (view.vendor_voice_id,), "it was found by something better than the list"


def test_a_vendor_that_never_answered_and_made_nothing_is_called_again(scene: Scene) -> None:
    scene.fake.misbehave(*[Act(Manner.DROP, Moment.BEFORE)] * 3)
    clone_id, job_id = scene.order()
    scene.run(job_id, most_s=60)
    assert scene.shop.view(clone_id).error_code == "VENDOR_PROTOCOL"
    assert retry(scene, clone_id) == (job_id, Stage.SUBMIT)
    view = ready(scene, clone_id, job_id)
    assert scene.fake.ledger() == (view.vendor_voice_id,)


def test_a_worker_that_died_with_the_call_out_leaves_a_voice_to_be_found(scene: Scene) -> None:
    scene.fake.misbehave(Act(Manner.DROP, Moment.AFTER))
    clone_id, job_id = scene.order()
    work(scene.shop.bench, job_id)
    made = scene.fake.ledger()
    scene.shop.make_due(job_id)
    end_badly(scene, job_id, WorkerLost())
    assert retry(scene, clone_id) == (job_id, Stage.SUBMIT)
    view = ready(scene, clone_id, job_id)
    assert scene.fake.ledger() == made == (view.vendor_voice_id,)


@pytest.mark.parametrize("error", [WorkerLost(), TrainingOverdue()], ids=lambda error: error.code)
def test_a_training_is_followed_on(scene: Scene, error: WorkerLost | TrainingOverdue) -> None:
    clone_id, job_id = submitted(scene)
    made = scene.fake.ledger()
    end_badly(scene, job_id, error)
    assert retry(scene, clone_id) == (job_id, Stage.TRACK)
    assert retry(scene, clone_id) is None, "once"
    view = ready(scene, clone_id, job_id)
    assert scene.fake.ledger() == made == (view.vendor_voice_id,)


def test_a_voice_that_could_not_be_trained_makes_room_for_another(scene: Scene) -> None:
    clone_id, job_id = submitted(scene)
    (failed,) = scene.fake.ledger()
    end_badly(scene, job_id, TrainingFailed("The vendor could not train it."))
    assert retry(scene, clone_id) == (job_id, Stage.SUBMIT)
    view = ready(scene, clone_id, job_id)
    assert view.vendor_voice_id != failed
    if scene.case.can_delete:
        assert scene.fake.ledger() == (view.vendor_voice_id,)
    else:
        assert set(scene.fake.ledger()) == {failed, view.vendor_voice_id}
        assert [failed in note for note in view.notes if "in Retell's dashboard" in note] == [True]


def test_a_retry_that_is_killed_before_its_new_call_makes_one_voice_all_the_same(scene: Scene) -> None:
    clone_id, job_id = submitted(scene)
    (failed,) = scene.fake.ledger()
    end_badly(scene, job_id, TrainingFailed("The vendor could not train it."))
    retry(scene, clone_id)
    if scene.case.can_delete:
        scene.shop.bench.services.vendors[scene.case.vendor].discard(scene.case.engine, failed)
    scene.fake.misbehave(Act(Manner.DROP, Moment.AFTER))
    view = ready(scene, clone_id, job_id)
    assert [voice for voice in scene.fake.ledger() if voice != failed] == [view.vendor_voice_id]


def test_a_retry_may_be_cancelled_and_leaves_neither_voice(scene: Scene) -> None:
    clone_id, job_id = submitted(scene)
    end_badly(scene, job_id, TrainingFailed("The vendor could not train it."))
    retry(scene, clone_id)
    removal_id = cancel(scene, clone_id)
    assert removal_id is not None, "the voice that could not be trained is still there"
    scene.run(removal_id)
    assert scene.fake.ledger() == () or not scene.case.can_delete
    with scene.shop.database.read() as session:
        assert [line.data.get("code") for line in events.history(session, clone_id)].count("CANCELED") == 1
