"""Who follows clones live sees every event exactly once, whatever dies meanwhile: two API processes and the broker."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
import pytest

from api.listener import bind
from tests.processes import until
from tests.profiles import Profile
from tests.stack import START_S, Stack, running_stack

pytestmark = pytest.mark.faults

WITHIN_S = 120.0


class Follower(threading.Thread):
    """Follows a clone as a browser's EventSource does: again and again from where it was, until it is told to stop."""

    def __init__(self, stack: Stack, url: str, voice_id: str) -> None:
        super().__init__(daemon=True)
        self._address = f"{url}/api/v2/voice-clones/{voice_id}/events"
        self._headers = {"x-api-key": stack.client.headers["x-api-key"], "accept": "text/event-stream"}
        self.ids: list[int] = []
        self.types: list[str] = []
        self.connections = 0
        self.is_done = False
        self.start()

    def run(self) -> None:
        give_up_at = time.monotonic() + 2 * WITHIN_S
        while not self.is_done and time.monotonic() < give_up_at:
            try:
                self._follow()
            except httpx.HTTPError:
                time.sleep(0.05)  # the process is gone, or not yet back

    def _follow(self) -> None:
        known = {"last-event-id": str(self.ids[-1])} if self.ids else {}
        with httpx.stream("GET", self._address, headers=self._headers | known, timeout=30.0, trust_env=False) as answer:
            if answer.status_code != 200:
                self.is_done = answer.status_code == 204
                return
            self.connections += 1
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self.ids.append(int(value))
                elif name == "event":
                    self.types.append(value)


@contextmanager
def second_api(stack: Stack, port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run another API process on the same service."""
    environment = stack.environment | {"CLONEPIPE_PORT": str(port)}
    with (stack.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "api", "api"], env=environment, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        assert until(lambda: _answers(url), START_S), stack.log()
        yield url, process
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def kill_api(stack: Stack) -> None:
    """Kill the supervised API and wait until another answers in its place."""
    before = stack.kill("api")
    stack.reconnect()

    def is_back() -> bool:
        try:
            return stack.pid("api") != before and _answers(stack.url)
        except LookupError:
            return False

    assert until(is_back, START_S), stack.log()


def is_back(followers: list[Follower], connections: int) -> bool:
    return until(lambda: all(one.connections >= connections or one.is_done for one in followers), WITHIN_S)


def test_every_event_exactly_once_across_restarts_of_the_api_and_a_killed_broker(own_profile: Profile) -> None:
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    with running_stack(own_profile) as stack, second_api(stack, port) as (other_url, other):
        worker = psutil.Process(stack.pid("worker"))
        voice_ids = [stack.create("slow") for _ in range(2)]
        here = [Follower(stack, stack.url, voice_id) for voice_id in voice_ids]
        there = [Follower(stack, other_url, voice_id) for voice_id in voice_ids]
        for voice_id in voice_ids:
            stack.wait_for(voice_id, "track", "ready")
        worker.suspend()  # what is still to come of them comes after all that follows
        try:
            assert is_back([*here, *there], 1), stack.log()
            kill_api(stack)
            stack.kill("broker")
            assert is_back(here, 2), stack.log()
            kill_api(stack)
            assert is_back(here, 3), stack.log()
            other.send_signal(signal.SIGTERM)
            assert other.wait(WITHIN_S) == -signal.SIGTERM or other.returncode == 0
            with second_api(stack, port):
                assert is_back(there, 2), stack.log()
                stack.client.post(f"/voice-clones/{voice_ids[0]}/cancel")
                worker.resume()
                for voice_id in voice_ids:
                    stack.wait_for(voice_id, "ready", "failed", within_s=WITHIN_S)
                assert until(lambda: all(one.is_done for one in (*here, *there)), WITHIN_S), stack.log()
        finally:
            worker.resume()
        for voice_id, *followers in zip(voice_ids, here, there, strict=True):
            history = stack.client.get(f"/voice-clones/{voice_id}/events").json()["data"]["events"]
            for follower in followers:
                assert follower.ids == [line["seq"] for line in history]
                assert follower.types == [line["type"] for line in history]


def test_streams_end_at_once_when_their_process_is_told_to_stop(own_profile: Profile) -> None:
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    with running_stack(own_profile, sandbox_training_s=3600) as stack, second_api(stack, port) as (url, process):
        voice_id = stack.create()
        followers = [Follower(stack, url, voice_id) for _ in range(20)]
        assert is_back(followers, 1), stack.log()
        os.kill(process.pid, signal.SIGTERM)
        process.wait(WITHIN_S)
        assert "Cancel 20 running" not in stack.log()
        stack.client.post(f"/voice-clones/{voice_id}/cancel")
        with second_api(stack, port):
            assert until(lambda: all(one.is_done for one in followers), WITHIN_S), stack.log()
        assert all(one.ids == followers[0].ids for one in followers)
