"""A whole service of real processes under `clonepipe up`, for tests that use it, kill it and look at what is left."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis

from api.client import KEY_FILE
from api.listener import bind
from shared.broker import find_server
from shared.settings import Settings
from shared.storage import open_storage
from shared.vendors.sandbox import Sandbox
from tests.processes import until
from tests.profiles import LAPTOP, Profile

CLEAN_SPEECH = Path(__file__).parent / "fixtures" / "audio" / "clean_speech.flac"
START_S = 60.0
LEASE_S = 3.0  # the product's is 30 s; every wait scales with it


@dataclass
class Stack:
    """A running service and how to reach into it."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]
    settings: Settings
    profile: Profile = LAPTOP
    environment: dict[str, str] = field(default_factory=dict)
    _client: httpx.Client | None = field(default=None)

    @property
    def client(self) -> httpx.Client:
        if self._client is None:
            key = (self.folder / KEY_FILE).read_text().strip()
            self._client = httpx.Client(
                base_url=f"{self.url}/api/v2", headers={"x-api-key": key}, timeout=30, trust_env=False
            )
        return self._client

    def reconnect(self) -> None:
        """Forget open connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def end(self, number: signal.Signals) -> int:
        """Send a signal to the supervisor and return its exit code."""
        self.reconnect()
        self.process.send_signal(number)
        try:
            return self.process.wait(40)
        finally:
            if self.process.poll() is None:
                self.process.kill()

    @property
    def broker(self) -> redis.Redis:
        return self.profile.broker_client(self.folder)

    def pid(self, child: str) -> int:
        """Return the process id of a child by its name in the supervisor's list."""
        if child == "broker" and self.profile.broker is not None:
            assert self.profile.broker.process is not None
            return self.profile.broker.process.pid
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if _is(child, process.cmdline()):
                    return process.pid
        raise LookupError(child)

    def kill(self, child: str) -> int:
        """Kill -9 a child; return the process id that it had. A broker of others is started anew by those others."""
        pid = self.pid(child)
        process = psutil.Process(pid)
        process.kill()
        with contextlib.suppress(psutil.TimeoutExpired):  # for a supervisor that is frozen and buries nobody
            process.wait(5)
        if child == "broker" and self.profile.broker is not None:
            self.profile.broker.stop()
            self.profile.broker.start()
        return pid

    def upload(self, name: str = "Anna", file: Path = CLEAN_SPEECH, **fields: str) -> httpx.Response:
        with file.open("rb") as recording:
            return self.client.post(
                "/voice-clones", data={"name": name, **fields}, files={"files": (file.name, recording)}
            )

    def create(self, name: str = "Anna", file: Path = CLEAN_SPEECH, **fields: str) -> str:
        answer = self.upload(name, file, **fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["voiceId"])

    def get(self, voice_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/voice-clones/{voice_id}")
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def wait_for(self, voice_id: str, *states: str, within_s: float = 60.0) -> dict[str, Any]:
        """Wait until a clone's status or stage is one of these."""
        deadline_s = time.monotonic() + within_s
        while True:
            clone = self.get(voice_id)
            if clone["status"] in states or clone["stage"] in states:
                return clone
            assert time.monotonic() < deadline_s, f"still {json.dumps(clone)}\n{self.log()}"
            time.sleep(0.05)

    def sandbox(self) -> Sandbox:
        return Sandbox(open_storage(self.settings), 0)

    def ledger(self) -> tuple[str, ...]:
        """Return every voice at the sandbox vendor."""
        return self.sandbox().ledger()

    def log(self) -> str:
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if '"event": "request"' not in line][-60:])


@contextmanager
def running_stack(profile: Profile = LAPTOP, *, ready: str = "ok", **settings: object) -> Iterator[Stack]:
    """Run `clonepipe up` in a new folder until it says that it is `ready`; at the end stop it with Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="stack-") as folder:
        stack = start(Path(folder), settings, profile, ready)
        try:
            yield stack
        finally:
            stack.end(signal.SIGINT)


def start(folder: Path, settings: Mapping[str, object], profile: Profile = LAPTOP, ready: str = "ok") -> Stack:
    """Start a service with its data in `folder` and wait until it takes work."""
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    chosen: dict[str, object] = {
        "data_dir": folder, "port": port, "lease_s": LEASE_S, "sandbox_training_s": 0.5, "max_clones_per_user": 0,
        "requests_per_minute_per_key": 0, "requests_per_minute_per_account": 0,
        **profile.settings, **settings,
    }  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    environment |= profile.environment
    environment |= {f"CLONEPIPE_{name.upper()}": str(value) for name, value in chosen.items()}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "api", "up"], env=environment, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True,
        )  # fmt: skip
    stack = Stack(folder, f"http://127.0.0.1:{port}", process, Settings(**chosen), profile, environment)  # type: ignore[arg-type]
    assert until(lambda: _is_ready(stack, ready), START_S), stack.log()
    return stack


def _is(child: str, command: list[str]) -> bool:
    if child == "broker":
        return bool(command) and command[0].startswith(str(find_server()))
    return command[1:4] == ["-P", "-m", {"relay": "worker.relay"}.get(child, child)]


def _is_ready(stack: Stack, ready: str) -> bool:
    assert stack.process.poll() is None, stack.log()
    try:
        return httpx.get(f"{stack.url}/readyz", timeout=2, trust_env=False).json()["status"] == ready
    except httpx.HTTPError:
        return False
