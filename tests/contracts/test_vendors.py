"""One voice a job, whatever a vendor does: every vendor and engine, through the worker's own stages, against its fake.

The fake's ledger is the witness. Times are scaled (`vendor_time_scale`), so that a timeout is half a second.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from shared import clones, erasures
from shared.db.models import Submission, VendorCall
from shared.keys import MAIN_ACCOUNT
from shared.states import Stage, Status, WaitingFor
from shared.vendors import meter
from shared.vendors.engines import Engine
from shared.vendors.protocol import SampleFile
from shared.views import CloneView
from tests.contracts.vendor_cases import CASES, FURTHER_CASES, VendorCase
from tests.fakes.acts import Act, Manner, Moment
from tests.fakes.server import FakeVendor
from tests.shared.vendors.calling import MARKER, an_order
from tests.worker.conftest import Workshop, make_workshop
from worker.late_look import look
from worker.run import work

__all__ = ["make_workshop"]  # a fixture that lives beside what it opens

BEFORE, AFTER = Moment.BEFORE, Moment.AFTER


@dataclass
class Scene:
    """A workshop and the vendor that it speaks to."""

    case: VendorCase
    shop: Workshop
    fake: FakeVendor

    def order(self) -> tuple[str, str]:
        case = self.case
        return self.shop.order(
            at=Stage.SUBMIT, vendor=case.vendor, engine=case.engine, prepared=case.recording(),
            container=case.container, prepared_s=case.file_s, language=case.language,
        )  # fmt: skip

    @property
    def engine(self) -> Engine:
        return self.shop.bench.services.vendors[self.case.vendor].engines[self.case.engine]

    def run(self, job_id: str, most_s: float = 30.0) -> None:
        """Do what is due of the job as it falls due, until it has ended."""
        ends_at_s = time.monotonic() + most_s
        while self.shop.job(job_id).outcome is None:
            assert time.monotonic() < ends_at_s, self.shop.job(job_id).error_message
            work(self.shop.bench, job_id)
            if self.shop.job(job_id).stage is Stage.TRACK:
                self.case.finish(self.fake)
            time.sleep(0.02)

    def clone(self) -> tuple[CloneView, str]:
        """Order a clone and follow it to its end."""
        clone_id, job_id = self.order()
        self.run(job_id)
        return self.shop.view(clone_id), job_id


@pytest.fixture(params=CASES, ids=str)
def scene(request: pytest.FixtureRequest, make_workshop: Callable[..., Workshop]) -> Iterator[Scene]:
    case: VendorCase = request.param
    fake = case.fake()
    case.tune(fake)
    with fake.running():
        yield Scene(case, make_workshop(**case.settings(fake)), fake)


@pytest.mark.parametrize("scene", [*CASES, *FURTHER_CASES], indirect=True, ids=str)
def test_an_order_becomes_one_voice_of_the_clones_name(scene: Scene) -> None:
    view, _ = scene.clone()
    assert (view.status, view.error_message) == (Status.READY, None)
    assert scene.fake.ledger() == (view.vendor_voice_id,)


@pytest.mark.parametrize("scene", [*CASES, *FURTHER_CASES], indirect=True, ids=str)
def test_who_watches_sees_the_recordings_leave(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / f"1.{scene.case.container}"
    path.write_bytes(scene.case.recording())
    file = SampleFile(path, path.name, f"audio/{scene.case.container}", scene.case.file_s, cleaned=False)
    vendor, engine = scene.shop.bench.services.vendors[scene.case.vendor], scene.case.engine
    order = an_order(language=scene.case.language)
    seen: list[float] = []
    with meter.watching([file], seen.append):
        made = vendor.submit(engine, order, [file], MARKER)
        vendor.complete(engine, order, [file], made.voice_id, MARKER)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


REFUSALS = [
    (Act(Manner.ANSWER, BEFORE, 400, {}), "VENDOR_REJECTED"),
    (Act(Manner.ANSWER, BEFORE, 401, {}), "VENDOR_AUTH"),
    (Act(Manner.ANSWER, BEFORE, 402, {}), "VENDOR_QUOTA"),
    (Act(Manner.ANSWER, BEFORE, 403, {}), "VENDOR_AUTH"),
    (Act(Manner.ANSWER, BEFORE, 404, {}), "VENDOR_REJECTED"),
    (Act(Manner.ANSWER, BEFORE, 413, {}), "VENDOR_REJECTED"),
    (Act(Manner.ANSWER, BEFORE, 422, {}), "VENDOR_REJECTED"),
]


@pytest.mark.parametrize(("act", "code"), REFUSALS, ids=lambda value: str(getattr(value, "status", value)))
def test_a_refusal_ends_the_clone_with_its_code_and_no_voice(scene: Scene, act: Act, code: str) -> None:
    scene.fake.misbehave(act)
    view, _ = scene.clone()
    assert (view.status, view.error_code) == (Status.FAILED, code)
    assert view.error_message
    assert scene.fake.ledger() == ()


DOUBTS = [
    Act(Manner.ANSWER, BEFORE, 500, {}),
    Act(Manner.ANSWER, BEFORE, 503, {}),
    Act(Manner.ANSWER, AFTER, 500, {}),
    Act(Manner.ANSWER, AFTER, 200, {}),
    Act(Manner.DROP, BEFORE),
    Act(Manner.DROP, AFTER),
    Act(Manner.HANG, BEFORE),
    Act(Manner.HANG, AFTER),
    Act(Manner.TRICKLE, AFTER),
    Act(Manner.TRUNCATE, AFTER),
    Act(Manner.HUGE, AFTER),
    Act(Manner.HTML, AFTER, 502),
]


@pytest.mark.parametrize("scene", FURTHER_CASES, indirect=True, ids=str)
def test_engines_that_share_the_way_of_another_lose_no_answer_either(scene: Scene) -> None:
    scene.fake.misbehave(Act(Manner.DROP, AFTER))
    view, _ = scene.clone()
    assert view.status is Status.READY
    assert scene.fake.ledger() == (view.vendor_voice_id,)


@pytest.mark.parametrize("act", DOUBTS, ids=lambda act: f"{act.manner.value}-{act.when.name.lower()}-{act.status}")
def test_a_lost_answer_costs_no_second_voice(scene: Scene, act: Act) -> None:
    scene.fake.misbehave(act)
    view, _ = scene.clone()
    assert (view.status, view.error_message) == (Status.READY, None)
    assert scene.fake.ledger() == (view.vendor_voice_id,)


def test_a_vendor_that_asks_for_time_after_it_made_the_voice_makes_no_second(scene: Scene) -> None:
    scene.fake.misbehave(Act(Manner.ANSWER, AFTER, 429, {}, {"retry-after": "1"}))
    view, _ = scene.clone()
    assert (view.status, view.error_message) == (Status.READY, None)
    assert scene.fake.ledger() == (view.vendor_voice_id,)


def test_a_voice_that_the_list_shows_late_is_waited_for(scene: Scene) -> None:
    scene.fake.listing_lag_s = (
        scene.shop.bench.services.vendors[scene.case.vendor].engines[scene.case.engine].listing_lag_s
    )
    scene.fake.misbehave(Act(Manner.DROP, AFTER))
    view, _ = scene.clone()
    assert view.status is Status.READY
    assert scene.fake.ledger() == (view.vendor_voice_id,)


def test_a_twin_that_shows_later_than_declared_is_found_in_the_end(scene: Scene) -> None:
    """The vendor hides the first voice for longer than it declares, so a second is made; one more look finds it."""
    scene.fake.misbehave(Act(Manner.DROP, AFTER))
    scene.fake.listing_lag_s = 3600.0
    clone_id, job_id = scene.order()
    try:
        scene.run(job_id)
    finally:
        scene.fake.listing_lag_s = 0.0
    view = scene.shop.view(clone_id)
    assert (view.status, view.error_message) == (Status.READY, None)
    with scene.shop.database.read() as session:
        submission_id = session.scalars(select(Submission.id)).one()
    look(scene.shop.bench, submission_id)
    with scene.shop.database.read() as session:
        twins = session.get_one(Submission, submission_id).twins
    if scene.case.can_delete:
        assert scene.fake.ledger() == (view.vendor_voice_id,)
    else:
        assert [twin["outcome"] for twin in twins or ()] == ["duplicate_at_vendor"]


def test_a_rate_limit_is_obeyed_by_everyone_and_costs_no_attempt(scene: Scene) -> None:
    scene.fake.misbehave(Act(Manner.ANSWER, BEFORE, 429, {}, {"retry-after": "1"}))
    clone_id, job_id = scene.order()
    work(scene.shop.bench, job_id)
    job = scene.shop.job(job_id)
    assert (job.waiting_for, job.attempt) == (WaitingFor.RATE_LIMIT, 0)
    asked = len(scene.fake.calls)
    scene.shop.work(job_id)
    assert len(scene.fake.calls) == asked, "nobody calls before the time is over"
    scene.run(job_id)
    assert scene.shop.view(clone_id).status is Status.READY
    assert len(scene.fake.ledger()) == 1


def test_a_page_of_the_edge_is_no_wrong_key(scene: Scene) -> None:
    scene.fake.misbehave(Act(Manner.HTML, BEFORE, 403))
    view, _ = scene.clone()
    assert (view.status, len(scene.fake.ledger())) == (Status.READY, 1)


def test_a_vendor_that_is_down_costs_no_attempts(scene: Scene) -> None:
    clone_id, job_id = scene.order()
    scene.fake.stop()
    for _ in range(8):
        scene.shop.work(job_id)
    job = scene.shop.job(job_id)
    assert (job.outcome, job.attempt) == (None, 0)
    assert scene.shop.view(clone_id).status is Status.PROCESSING


def test_what_was_answered_is_kept_without_the_key(scene: Scene) -> None:
    scene.clone()
    with scene.shop.database.read() as session:
        calls = list(session.scalars(select(VendorCall)))
    assert calls
    assert all(scene.case.key not in call.answer and scene.case.key not in call.path for call in calls)


def test_deleting_the_clone_erases_the_voice_or_says_who_must(scene: Scene) -> None:
    view, _ = scene.clone()
    with scene.shop.database.write() as session:
        job_id = clones.delete(session, MAIN_ACCOUNT, view.id)
    scene.run(job_id)
    with scene.shop.database.read() as session:
        proof = erasures.get(session, MAIN_ACCOUNT, view.id)
    assert proof.completed_at is not None
    assert [voice.outcome for voice in proof.voices] == ["deleted" if scene.case.can_delete else "unsupported"]
    assert scene.fake.ledger() == (() if scene.case.can_delete else (view.vendor_voice_id,))


def test_a_vendor_that_never_answers_is_given_up_and_what_it_made_all_the_same_is_deleted(scene: Scene) -> None:
    scene.fake.misbehave(*[Act(Manner.DROP, BEFORE)] * 2, Act(Manner.DROP, AFTER))
    scene.fake.listing_lag_s = 3600.0
    clone_id, job_id = scene.order()
    scene.run(job_id, most_s=60)
    scene.fake.listing_lag_s = 0.0
    view = scene.shop.view(clone_id)
    if view.status is Status.FAILED:
        with scene.shop.database.read() as session:
            submission_id = session.scalars(select(Submission.id)).one()
        look(scene.shop.bench, submission_id)
        assert (view.error_code, scene.fake.ledger() == () or not scene.case.can_delete) == ("VENDOR_PROTOCOL", True)
    else:  # it was found by something better than the list
        assert scene.fake.ledger() == (view.vendor_voice_id,)
