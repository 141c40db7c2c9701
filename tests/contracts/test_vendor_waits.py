"""What one vendor says in one way only, through the worker: a full plan, a wait in the body, a voice in use."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from shared import clones, erasures, gates
from shared.keys import MAIN_ACCOUNT
from shared.states import Outcome, Stage, Status, WaitingFor
from tests.contracts.vendor_cases import VendorCase
from tests.fakes.buena import KEY, FakeBuena
from tests.worker.conftest import Workshop, make_workshop

__all__ = ["make_workshop"]  # a fixture that lives beside what it opens

CASE = VendorCase("buena", "default", FakeBuena, KEY, time_scale=0.01, container="flac")


_TURN_S = 0.05  # by then every turn at a minute's rate, scaled, is free again


@dataclass
class Scene:
    """A workshop and one user's account at Buena."""

    shop: Workshop
    fake: FakeBuena

    def order(self) -> tuple[str, str]:
        return self.shop.order(
            at=Stage.SUBMIT, vendor="buena", engine="default", prepared=CASE.recording(), container="flac",
            prepared_s=CASE.file_s,
        )  # fmt: skip

    def shut(self) -> list[str]:
        with self.shop.database.read() as session:
            return [gate.code for gate in gates.shut(session)]


@pytest.fixture
def scene(make_workshop: Callable[..., Workshop]) -> Iterator[Scene]:
    fake = FakeBuena()
    with fake.running():
        yield Scene(make_workshop(**CASE.settings(fake)), fake)


def test_a_full_plan_ends_the_clone_at_once_and_pauses_what_creates(scene: Scene) -> None:
    scene.fake.most_voices = 0
    clone_id, job_id = scene.order()
    scene.shop.work(job_id)
    view = scene.shop.view(clone_id)
    assert (view.status, view.error_code) == (Status.FAILED, "VENDOR_QUOTA")
    assert "Delete existing clones or upgrade your plan" in (view.error_message or "")
    assert scene.shut() == ["VENDOR_QUOTA"]
    assert len(scene.fake.calls) == 1


def test_a_wait_that_only_the_body_names_is_obeyed(scene: Scene) -> None:
    scene.fake.slow_down(body={"retryAfter": 600})
    clone_id, job_id = scene.order()
    scene.shop.work(job_id)
    job = scene.shop.job(job_id)
    assert (job.waiting_for, job.attempt) == (WaitingFor.RATE_LIMIT, 0)
    assert (job.due_at - job.updated_at).total_seconds() > 300
    for _ in range(3):
        scene.shop.work(job_id)
    assert len(scene.fake.calls) == 1, "nobody calls before the time is over"
    scene.shop.wait_out_the_gates()
    scene.shop.work(job_id)
    assert scene.shop.view(clone_id).status is Status.READY
    assert len(scene.fake.ledger()) == 1


def test_an_erasure_waits_for_a_voice_in_use_and_lets_everybody_else_call(scene: Scene) -> None:
    clone_id, job_id = scene.order()
    scene.shop.work(job_id)
    voice_id = scene.shop.view(clone_id).vendor_voice_id
    assert voice_id is not None
    scene.fake.voices[voice_id].campaigns = ["camp_1"]
    with scene.shop.database.write() as session:
        erase_id = clones.delete(session, MAIN_ACCOUNT, clone_id)
    for _ in range(2 * gates.FAILURES):
        time.sleep(_TURN_S)
        scene.shop.work(erase_id)
    job = scene.shop.job(erase_id)
    assert (job.outcome, job.waiting_for, job.error_code) == (None, WaitingFor.RETRY, "VENDOR_VOICE_IN_USE")
    assert scene.shut() == []
    assert scene.fake.ledger() == (voice_id,)
    scene.fake.voices[voice_id].campaigns = []
    time.sleep(_TURN_S)
    scene.shop.work(erase_id)
    assert scene.shop.job(erase_id).outcome is Outcome.DONE
    assert scene.fake.ledger() == ()
    with scene.shop.database.read() as session:
        assert erasures.get(session, MAIN_ACCOUNT, clone_id).completed_at is not None
