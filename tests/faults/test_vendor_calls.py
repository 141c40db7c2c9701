"""The worker is killed around the paid call, as a process, against a vendor at the wire whose ledger is the witness."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.fakes import buena, elevenlabs, retell
from tests.fakes.acts import Act, Manner, Moment
from tests.fakes.bland import KEY, FakeBland
from tests.fakes.server import FakeVendor
from tests.processes import until
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.faults

CLONE_CALL = ("POST", "/v1/voices/clone")


@contextmanager
def at_bland() -> Iterator[tuple[Stack, FakeBland]]:
    """A service whose only real vendor is a fake Bland; a call that hangs gives the time to kill around it."""
    bland = FakeBland()
    with bland.running(), running_stack(bland_api_key=KEY, bland_base_url=bland.url, vendor_time_scale=0.03) as stack:
        yield stack, bland


def calls(bland: FakeBland) -> int:
    return sum((call.method, call.path) == CLONE_CALL for call in bland.calls)


def is_there(stack: Stack) -> bool:
    """Tell whether the supervisor has a worker at this moment."""
    try:
        return bool(stack.pid("worker"))
    except LookupError:
        return False


@pytest.mark.parametrize("when", list(Moment), ids=lambda when: when.name.lower())
def test_a_worker_killed_while_the_vendor_is_at_it_costs_no_second_voice(when: Moment) -> None:
    with at_bland() as (stack, bland):
        bland.misbehave(Act(Manner.HANG, when))
        clone_id = stack.create("Anna")
        assert until(lambda: calls(bland) == 1, within_s=60), stack.log()
        stack.kill("worker")
        clone = stack.wait_for(clone_id, "ready", "failed", within_s=120)
        assert (clone["status"], clone["error_message"]) == ("ready", None)
        assert bland.ledger() == (clone["vendorVoiceId"],)
        assert calls(bland) == (1 if when is Moment.AFTER else 2)


OTHERS = [
    (elevenlabs.FakeElevenLabs, elevenlabs.KEY, ("POST", "/v1/voices/add")),
    (buena.FakeBuena, buena.KEY, ("POST", "/api/v2/voice-clones")),
    (retell.FakeRetell, retell.KEY, ("POST", "/clone-voice")),
]


@pytest.mark.parametrize(("make", "key", "creation"), OTHERS, ids=lambda value: getattr(value, "name", ""))
def test_every_other_vendors_marker_finds_the_voice_of_a_worker_that_was_killed(
    make: Callable[[], FakeVendor], key: str, creation: tuple[str, str]
) -> None:
    fake = make()
    with fake.running():
        settings = {f"{fake.name}_api_key": key, f"{fake.name}_base_url": fake.base_url, "vendor_time_scale": 0.03}
        with running_stack(**settings) as stack:
            fake.misbehave(Act(Manner.HANG, Moment.AFTER))
            clone_id = stack.create("Anna")
            assert until(fake.ledger, within_s=60), stack.log()
            stack.kill("worker")
            clone = stack.wait_for(clone_id, "ready", "failed", within_s=180)
            assert (clone["status"], clone["error_message"]) == ("ready", None)
            assert fake.ledger() == (clone["vendorVoiceId"],)
            assert [(call.method, call.path) for call in fake.calls].count(creation) == 1


def test_a_worker_killed_between_the_voice_and_its_name_resumes_at_the_name() -> None:
    with at_bland() as (stack, bland):
        bland.hang_at_rename = True
        clone_id = stack.create("Anna")
        assert until(lambda: bland.renames, within_s=60), stack.log()
        stack.kill("worker")
        bland.hang_at_rename = False
        clone = stack.wait_for(clone_id, "ready", "failed", within_s=120)
        assert clone["status"] == "ready"
        assert [(voice_id, voice.name) for voice_id, voice in bland.voices.items()] == [
            (clone["vendorVoiceId"], "Anna")
        ]
        assert calls(bland) == 1


def test_a_burst_of_kills_leaves_one_voice_a_clone() -> None:
    with at_bland() as (stack, bland):
        made = [stack.create(f"Voice {number}") for number in range(5)]
        for number in range(3):
            assert until(lambda at=number: calls(bland) > at and is_there(stack), within_s=60), stack.log()
            stack.kill("worker")
        clones = [stack.wait_for(clone_id, "ready", "failed", within_s=180) for clone_id in made]
        assert [clone["status"] for clone in clones] == ["ready"] * 5
        assert sorted(bland.ledger()) == sorted(clone["vendorVoiceId"] for clone in clones)
