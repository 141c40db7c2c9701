"""Failing over: who refuses for quota, plan or outage hands over; who refuses the recordings does not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from shared import claims, events, gates
from shared.db.models import Event, Submission, VendorGate
from shared.errors import VendorUnavailable
from shared.states import JobKind, Stage, Status
from tests.contracts.vendor_cases import CASES
from tests.fakes.acts import Act, Manner, Moment
from tests.fakes.bland import KEY, FakeBland
from tests.processes import until
from tests.worker.conftest import Workshop
from worker.handover import hand_over
from worker.late_look import look
from worker.run import work
from worker.stages.paid_call import MOST_CALLS

SANDBOX = (("sandbox", "default"),)


@dataclass
class Pair:
    """A workshop whose first choice is Bland and whose second is the sandbox."""

    shop: Workshop
    bland: FakeBland

    def order(self, fallbacks: tuple[tuple[str, str], ...] = SANDBOX) -> tuple[str, str]:
        return self.shop.order(
            at=Stage.SUBMIT, vendor="bland", engine="btts_v3", fallbacks=fallbacks, container="wav",
            prepared=CASES[0].recording(), prepared_s=CASES[0].file_s,
        )  # fmt: skip


@pytest.fixture
def pair(make_workshop: Callable[..., Workshop]) -> Iterator[Pair]:
    bland = FakeBland()
    with bland.running():
        yield Pair(make_workshop(bland_api_key=KEY, bland_base_url=bland.url, vendor_time_scale=0.01), bland)


@pytest.mark.parametrize("status", [401, 402])
def test_a_refusal_for_key_or_plan_hands_over_and_says_why(pair: Pair, status: int) -> None:
    pair.bland.misbehave(Act(Manner.ANSWER, Moment.BEFORE, status, {}))
    clone_id, job_id = pair.order()
    work(pair.shop.bench, job_id)
    view, job = pair.shop.view(clone_id), pair.shop.job(job_id)
    assert (view.vendor, view.engine, view.status) == ("sandbox", "default", Status.PROCESSING)
    assert (job.stage, job.kind, view.fallbacks) == (Stage.PREPARE, JobKind.CREATE, ())
    with pair.shop.database.read() as session:
        last = events.history(session, clone_id)[-1]
    assert last.data["handedOver"] == {"from": "bland/btts_v3", "to": "sandbox/default"}
    assert "Bland refused" in last.data["reason"]


def test_an_outage_hands_over_when_the_gate_closes(pair: Pair) -> None:
    clone_id, job_id = pair.order()
    pair.bland.stop()
    for _ in range(7):
        pair.shop.work(job_id)
    assert pair.shop.view(clone_id).vendor == "sandbox"


def test_a_vendor_that_takes_calls_and_answers_none_hands_over_and_what_it_made_late_is_deleted(pair: Pair) -> None:
    pair.bland.misbehave(*[Act(Manner.ANSWER, Moment.BEFORE, 503, {})] * MOST_CALLS)
    clone_id, job_id = pair.order()
    until(lambda: (pair.shop.work(job_id), pair.shop.view(clone_id).vendor != "bland")[1], within_s=60)
    view = pair.shop.view(clone_id)
    assert (view.vendor, view.status) == ("sandbox", Status.PROCESSING)
    with pair.shop.database.read() as session:
        last = [line for line in events.history(session, clone_id) if "handedOver" in line.data][-1]
        submission = session.scalars(select(Submission)).one()
    assert last.data["handedOver"] == {"from": "bland/btts_v3", "to": "sandbox/default"}
    assert "never answered" in last.data["reason"]
    pair.bland.have(submission.marker, "BTTS_V3")
    look(pair.shop.bench, submission.id)
    assert pair.bland.ledger() == ()


def test_refused_recordings_go_nowhere_else(pair: Pair) -> None:
    pair.bland.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 400, {"errors": [{"error": "x", "message": "Too quiet"}]}))
    clone_id, job_id = pair.order()
    work(pair.shop.bench, job_id)
    view = pair.shop.view(clone_id)
    assert (view.vendor, view.status, view.error_code) == ("bland", Status.FAILED, "VENDOR_REJECTED")


def test_nothing_is_handed_over_while_a_call_may_have_been_heard(pair: Pair) -> None:
    pair.bland.misbehave(Act(Manner.DROP, Moment.AFTER))
    clone_id, job_id = pair.order()
    work(pair.shop.bench, job_id)
    with pair.shop.database.write() as session:
        for _ in range(gates.FAILURES):
            gates.note_failure(session, "bland")
    pair.shop.work(job_id)
    assert pair.shop.view(clone_id).vendor == "bland"
    with pair.shop.database.write() as session:
        session.get_one(VendorGate, "bland").failures = 0
    for _ in range(3):
        pair.shop.work(job_id)
    assert pair.shop.view(clone_id).vendor_voice_id in pair.bland.ledger()


def test_a_fallback_that_is_not_configured_is_passed_over(pair: Pair) -> None:
    pair.bland.misbehave(Act(Manner.ANSWER, Moment.BEFORE, 402, {}))
    clone_id, job_id = pair.order((("retell", "cartesia"), *SANDBOX))
    work(pair.shop.bench, job_id)
    assert pair.shop.view(clone_id).vendor == "sandbox"


def test_without_a_fallback_a_full_plan_ends_the_clone_and_pauses_the_vendor(pair: Pair) -> None:
    pair.bland.most_voices = 0
    first, first_job = pair.order(())
    second, second_job = pair.order(())
    work(pair.shop.bench, first_job)
    assert pair.shop.view(first).error_code == "VENDOR_QUOTA"
    asked = len(pair.bland.calls)
    work(pair.shop.bench, second_job)
    waiting = pair.shop.view(second)
    assert (waiting.status, pair.shop.job(second_job).error_code) == (Status.PROCESSING, "VENDOR_PAUSED")
    assert len(pair.bland.calls) == asked, "a full vendor is left alone"
    code, message = waiting.last_error or ("", "")
    assert (code, "until" in message, "It is tried again by itself." in message) == ("VENDOR_PAUSED", True, True)
    with pair.shop.database.read() as session:
        told = [line for line in session.scalars(select(Event.data).where(Event.clone_id == second)) if "code" in line]
    assert [(line["code"], line["waitingFor"]) for line in told] == [("VENDOR_PAUSED", "vendor")]
    pair.bland.most_voices = 5
    with pair.shop.database.write() as session:
        assert gates.resume(session, "bland")
    work(pair.shop.bench, second_job)
    assert pair.shop.view(second).vendor_voice_id in pair.bland.ledger()


def test_unreachable_is_no_reason_yet(pair: Pair) -> None:
    _, job_id = pair.order()
    with pair.shop.database.write() as session:
        claim = claims.take(session, job_id, owner="test", lease_s=30)
        assert claim is not None
        assert not hand_over(session, pair.shop.bench.services.vendors, claim, VendorUnavailable())
