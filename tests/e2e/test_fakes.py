"""`make fakes` as a user runs it: a process whose printed settings lead a service to every vendor, without a key."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.__main__ import HINT
from tests.fakes.registry import FAKES
from tests.stack import running_stack

HOUSE = Path(__file__).parents[2]
NAMES = [make().name for make, _ in FAKES]


@pytest.fixture(scope="module")
def settings() -> Iterator[dict[str, str]]:
    """The settings that the process prints; it ends when it is told to."""
    command = [sys.executable, "-m", "tests.fakes"]
    with subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed: list[str] = []
        for line in process.stdout:
            printed.append(line)
            if line.strip() == HINT:
                break
        yield {name.lower(): value for name, value in re.findall(r"CLONEPIPE_(\w+)=(\S+)", "".join(printed))}
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_every_vendor_makes_a_voice_that_its_ledger_shows(settings: dict[str, str]) -> None:
    with running_stack(**settings) as stack:
        clones = {name: stack.create(name=f"Anna at {name}", vendor=name) for name in NAMES}
        for name, clone_id in clones.items():
            clone = stack.wait_for(clone_id, "ready", "failed", within_s=120)
            assert (clone["status"], clone["error_message"]) == ("ready", None)
            address = httpx.URL(settings[f"{name}_base_url"]).copy_with(path="/_ledger")
            ledger = httpx.get(address, trust_env=False).json()
            assert ledger["vendor"] == name
            assert len(ledger["voices"]) == 1
            assert clone["vendorVoiceId"] in str(ledger["voices"][0])


def live_checks(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    environment |= {f"CLONEPIPE_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *arguments, "tests/live"]
    return subprocess.run(command, cwd=HOUSE, env=environment, capture_output=True, text=True, timeout=120)


def test_the_live_checks_do_what_they_say(settings: dict[str, str]) -> None:
    done = live_checks("-m", "live", **settings)
    assert done.returncode == 0, done.stdout
    assert f"{len(NAMES)} passed" in done.stdout


def test_the_live_checks_run_only_when_asked_for_and_never_pass_without_a_key() -> None:
    assert live_checks().returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    done = live_checks("-m", "live", "-k", "buena")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "CLONEPIPE_BUENA_API_KEY" in done.stdout


def test_every_fake_is_of_a_vendor_of_its_own(settings: dict[str, str]) -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {name for name in settings if name.endswith("_base_url")} == {f"{name}_base_url" for name in NAMES}
