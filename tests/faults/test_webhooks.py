"""Webhooks of a whole service whose parts die: what was accepted by nobody comes again, under the same id."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from shared.db.engine import Database
from shared.keys import MAIN_ACCOUNT
from shared.vault import open_vault
from shared.webhooks import endpoints
from shared.webhooks.endpoints import NewEndpoint
from tests import hooks
from tests.hooks import Receiver
from tests.processes import until
from tests.profiles import Profile
from tests.stack import LEASE_S, Stack, running_stack

pytestmark = pytest.mark.faults

WITHIN_S = LEASE_S + 90.0


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with hooks.receiver() as found:
        yield found


@pytest.fixture(scope="module")
def stack(profile: Profile) -> Iterator[Stack]:
    with running_stack(profile, allow_private_webhooks=1, webhook_time_scale=0.01) as running:
        running.wait_for(running.create("warm up"), "ready")
        yield running


def subscribe(stack: Stack, url: str) -> str:
    """Register an endpoint for the rest of the module's life; return its secret."""
    database = Database(stack.settings.database_url)
    vault = open_vault(None, stack.settings.data_dir)
    with database.write() as session:
        _, secret = endpoints.create(session, vault, MAIN_ACCOUNT, NewEndpoint(url))
    database.dispose()
    return secret


def of_clone(receiver: Receiver, name: str, voice_id: str) -> list[dict[str, Any]]:
    """Return what came to an address of one clone."""
    return [entry for entry in receiver.ledger(name) if json.loads(entry["body"])["data"].get("voiceId") == voice_id]


def types(entries: list[dict[str, Any]]) -> set[str]:
    return {json.loads(entry["body"])["type"] for entry in entries}


def test_every_event_of_a_clone_comes_and_says_what_a_poll_says(
    stack: Stack, receiver: Receiver, profile: Profile
) -> None:
    name = f"all-{profile.name}"
    secret = subscribe(stack, receiver.url("204", name))
    voice_id = stack.create()
    polled = stack.wait_for(voice_id, "ready")
    assert until(lambda: "voice_clone.ready" in types(of_clone(receiver, name, voice_id)), WITHIN_S)
    history = stack.client.get(f"/voice-clones/{voice_id}/events").json()["data"]["events"]
    assert until(lambda: len(of_clone(receiver, name, voice_id)) == len(history), WITHIN_S)
    told = {}
    for entry in of_clone(receiver, name, voice_id):
        body = Webhook(secret).verify(entry["body"], entry["headers"])
        told[body["data"]["seq"]] = body
    assert {seq: body["type"] for seq, body in told.items()} == {line["seq"]: line["type"] for line in history}
    last = told[max(told)]["data"]
    assert {key: last[key] for key in last if key != "updatedAt"} == {
        key: polled[key] for key in last if key != "updatedAt"
    }


def test_a_worker_that_is_killed_with_the_answer_unread_tells_it_again_under_its_id(
    stack: Stack, receiver: Receiver, profile: Profile
) -> None:
    name = f"fatal-{profile.name}"
    subscribe(stack, receiver.url(f"fatal:{stack.pid('worker')},204", name))
    voice_id = stack.create()
    stack.wait_for(voice_id, "ready", within_s=WITHIN_S)

    def ready_came() -> bool:
        return "voice_clone.ready" in types(of_clone(receiver, name, voice_id))

    assert until(ready_came, WITHIN_S), stack.log()
    first = receiver.ledger(name)[0]["headers"]["webhook-id"]
    assert until(lambda: [one["headers"]["webhook-id"] for one in receiver.ledger(name)].count(first) == 2, WITHIN_S)


def test_a_broker_that_is_killed_and_a_relay_that_is_killed_lose_no_message(
    stack: Stack, receiver: Receiver, profile: Profile
) -> None:
    name = f"broker-{profile.name}"
    subscribe(stack, receiver.url("204", name))
    voice_ids = [stack.create() for _ in range(3)]
    stack.kill("broker")
    stack.kill("relay")
    voice_ids += [stack.create() for _ in range(3)]
    for voice_id in voice_ids:
        stack.wait_for(voice_id, "ready", within_s=WITHIN_S)
        assert until(lambda one=voice_id: "voice_clone.ready" in types(of_clone(receiver, name, one)), WITHIN_S)  # type: ignore[misc]


def test_a_callback_url_is_called_for_its_clone(stack: Stack, receiver: Receiver, profile: Profile) -> None:
    name = f"callback-{profile.name}"
    voice_id = stack.create(callback_url=receiver.url("500,204", name))
    assert until(lambda: "voice_clone.ready" in types(of_clone(receiver, name, voice_id)), WITHIN_S)
    other = stack.create()
    stack.wait_for(other, "ready")
    assert of_clone(receiver, name, other) == []
