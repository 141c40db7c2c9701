"""`clonepipe webhooks` and `clonepipe listen` as a person uses them, beside a running service and a receiver."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests import hooks
from tests.hooks import Receiver
from tests.processes import until
from tests.profiles import Profile
from tests.stack import Stack, running_stack

CLONEPIPE = Path(sys.executable).with_name("clonepipe")
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with hooks.receiver() as found:
        yield found


@pytest.fixture(scope="module")
def stack(profile: Profile) -> Iterator[Stack]:
    with running_stack(profile, allow_private_webhooks=1, webhook_time_scale=0.01) as running:
        yield running


def environment(stack: Stack) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    return kept | {"CLONEPIPE_API_URL": stack.url, "CLONEPIPE_DATA_DIR": str(stack.folder), "COLUMNS": "200"}


def webhooks(stack: Stack, *arguments: str, code: int = 0) -> str:
    command = [str(CLONEPIPE), "webhooks", *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment(stack),
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def create(stack: Stack, url: str, *options: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(webhooks(stack, "create", url, "--json", *options))
    return made


def test_an_endpoint_is_made_tried_told_again_and_deleted(stack: Stack, receiver: Receiver, profile: Profile) -> None:
    name = f"tried-{profile.name}"
    made = create(stack, receiver.url("500,204", name))
    endpoint_id = made["endpointId"]
    assert "500" in webhooks(stack, "test", endpoint_id, code=1)
    assert until(lambda: len(receiver.ledger(name)) == 2, WITHIN_S)
    assert endpoint_id in webhooks(stack, "list")
    [delivery] = json.loads(webhooks(stack, "deliveries", endpoint_id, "--json"))["deliveries"]
    assert "accepted it with 204" in webhooks(stack, "replay", endpoint_id, delivery["deliveryId"])
    assert {one["headers"]["webhook-id"] for one in receiver.ledger(name)} == {delivery["deliveryId"]}
    assert delivery["deliveryId"] in webhooks(stack, "deliveries", endpoint_id, "--status", "delivered")
    assert "whsec_" in webhooks(stack, "rotate", endpoint_id)
    webhooks(stack, "delete", endpoint_id)
    assert "no webhook endpoint" in webhooks(stack, "test", endpoint_id, code=1)
    assert "no endpoint" in webhooks(stack, "delete", "../x", code=1)


def test_a_listener_shows_forwards_and_answers_and_is_gone_afterwards(
    stack: Stack, receiver: Receiver, profile: Profile
) -> None:
    name = f"heard-{profile.name}"
    command = [str(CLONEPIPE), "listen", "--json", "--forward-to", receiver.url("503,204", name)]
    listener = subprocess.Popen(
        command, env=environment(stack), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert listener.stderr is not None
        secret = listener.stderr.readline().split()[-1]
        voice_id = stack.create()
        stack.wait_for(voice_id, "ready")
        history = stack.client.get(f"/voice-clones/{voice_id}/events").json()["data"]["events"]
        # The first attempt was refused by the server on the desk, and came again.
        assert until(lambda: len(receiver.ledger(name)) == len(history) + 1, WITHIN_S)
        assert until(lambda: answered_for(stack) == len(history), WITHIN_S)
    finally:
        listener.send_signal(signal.SIGINT)
        shown, said = listener.communicate(timeout=60)
    assert (listener.returncode, said) == (130, "")
    assert len(shown.splitlines()) == len(history) + 1
    for entry in receiver.ledger(name):
        assert Webhook(secret).verify(entry["body"], entry["headers"])["data"]["voiceId"] == voice_id
    assert {json.loads(entry["body"])["data"]["seq"] for entry in receiver.ledger(name)} == {
        line["seq"] for line in history
    }
    assert json.loads(webhooks(stack, "list", "--json")) == []


def test_private_webhooks_are_said_loudly(stack: Stack) -> None:
    answer = stack.client.get(f"{stack.url}/readyz").json()
    assert "ALLOW_PRIVATE_WEBHOOKS" in answer["notices"][0]
    log = (stack.folder / "log").read_text()
    assert log.count("private_webhooks_allowed") >= 2  # by the API and by the worker
    assert "webhooks may go to any address" in log  # in the greeting
    assert "whsec_" not in log


def test_a_clone_is_told_whole_to_its_callback_and_to_an_endpoint(
    stack: Stack, receiver: Receiver, profile: Profile
) -> None:
    names = {kind: f"{kind}-{profile.name}" for kind in ("callback", "endpoint")}
    secrets = {
        "callback": json.loads(webhooks(stack, "rotate", "default", "--json"))["secret"],
        "endpoint": (made := create(stack, receiver.url("204", names["endpoint"])))["secret"],
    }
    voice_id = stack.create(callback_url=receiver.url("204", names["callback"]))
    stack.wait_for(voice_id, "ready")
    history = stack.client.get(f"/voice-clones/{voice_id}/events").json()["data"]["events"]
    expected = {(line["seq"], line["type"], voice_id) for line in history}
    for kind, name in names.items():
        assert until(lambda name=name, kind=kind: told(receiver, name, secrets[kind]) == expected, WITHIN_S), kind
    webhooks(stack, "delete", made["endpointId"])


def test_a_listener_outlives_the_api(stack: Stack, receiver: Receiver, profile: Profile) -> None:
    name = f"outlives-{profile.name}"
    command = [str(CLONEPIPE), "listen", "--event-types", "voice_clone.ready"]
    command += ["--forward-to", receiver.url("204", name)]
    listener = subprocess.Popen(
        command, env=environment(stack), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert listener.stderr is not None
        secret = listener.stderr.readline().split()[-1]
        stack.kill("api")
        stack.reconnect()
        assert until(lambda: is_answered(stack), WITHIN_S), stack.log()
        voice_id = stack.create()
        stack.wait_for(voice_id, "ready")
        assert until(lambda: answered_for(stack) == 1, WITHIN_S), stack.log()
    finally:
        listener.send_signal(signal.SIGINT)
        shown, said = listener.communicate(timeout=60)
    assert (listener.returncode, said, voice_id in shown) == (130, "", True)
    [entry] = receiver.ledger(name)
    assert Webhook(secret).verify(entry["body"], entry["headers"])["data"]["voiceId"] == voice_id


def told(receiver: Receiver, name: str, secret: str) -> set[tuple[int, str, str]]:
    """Return `seq`, type and clone of all that came to an address, each verified."""
    messages = [Webhook(secret).verify(entry["body"], entry["headers"]) for entry in receiver.ledger(name)]
    return {(one["data"]["seq"], one["type"], one["data"]["voiceId"]) for one in messages}


def answered_for(stack: Stack) -> int:
    """Return how many deliveries the one listener has forwarded, shown and answered for, in this order."""
    found = stack.client.get("/webhook-endpoints").json()["data"]["endpoints"]
    [listener] = [one["endpointId"] for one in found if one["kind"] == "listener"]
    page = stack.client.get(f"/webhook-endpoints/{listener}/deliveries", params={"status": "delivered"})
    return int(page.json()["data"]["total"])


def is_answered(stack: Stack) -> bool:
    try:
        return stack.client.get("/vendors").status_code == 200
    except httpx.HTTPError:
        return False
