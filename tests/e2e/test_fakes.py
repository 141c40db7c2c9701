"""`make fakes` as a user runs it: a process whose printed settings lead a service to every vendor, without a key."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.__main__ import HINT
from tests.fakes.bland import FakeBland
from tests.fakes.registry import FAKES
from tests.fakes.server import ACTS, LEDGER
from tests.fakes.stock import stock
from tests.processes import until
from tests.stack import CLEAN_SPEECH, Stack, running_stack

HOUSE = Path(__file__).parents[2]
NAMES = [make().name for make, _ in FAKES]


STOCK = [voice for make, _ in FAKES for voice in stock(make())]


@pytest.fixture(scope="module")
def printed() -> Iterator[str]:
    """What the process prints; it ends when it is told to."""
    command = [sys.executable, "-m", "tests.fakes"]
    with subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.strip() == HINT:
                break
        yield "".join(lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.fixture(scope="module")
def settings(printed: str) -> dict[str, str]:
    """The settings that the process prints."""
    return {name.lower(): value for name, value in re.findall(r"CLONEPIPE_(\w+)=(\S+)", printed)}


def control(settings: dict[str, str], vendor: str, path: str) -> httpx.URL:
    return httpx.URL(settings[f"{vendor}_base_url"]).copy_with(path=path)


def test_every_vendor_makes_a_voice_that_its_ledger_shows(settings: dict[str, str]) -> None:
    with running_stack(**settings) as stack:
        clones = {name: stack.create(name=f"Anna at {name}", vendor=name) for name in NAMES}
        for name, clone_id in clones.items():
            clone = stack.wait_for(clone_id, "ready", "failed", within_s=120)
            assert (clone["status"], clone["error_message"]) == ("ready", None)
            ledger = httpx.get(control(settings, name, LEDGER), trust_env=False).json()
            assert ledger["vendor"] == name
            made = [voice for voice in ledger["voices"] if not any(one.voice_id in str(voice) for one in STOCK)]
            assert len(made) == 1
            assert clone["vendorVoiceId"] in str(made[0])


def adopt_as_printed(stack: Stack, line: str) -> subprocess.CompletedProcess[str]:
    """Run a printed line with `--json`; the command is that of this environment, the settings are the service's."""
    _, *words = line.split()
    return subprocess.run(
        [sys.executable, "-P", "-m", "api", *words, "--json"], env=stack.environment, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip


def test_the_printed_lines_adopt_what_is_there_and_it_can_be_extended_to_its_ceiling_and_erased(
    printed: str, settings: dict[str, str]
) -> None:
    lines = [line for line in printed.splitlines() if line.startswith(".venv/bin/clonepipe adopt")]
    assert len(lines) == len(STOCK)
    with running_stack(**settings) as stack:
        clones = {}
        for line in lines:
            done = adopt_as_printed(stack, line)
            assert done.returncode == 0, done.stderr
            clone = json.loads(done.stdout)
            assert (clone["status"], clone["vendor"] in line, clone["engine"] in line) == ("ready", True, True)
            clones[clone["vendorVoiceId"]] = clone["voiceId"]
        assert set(clones) == {voice.voice_id for voice in STOCK}
        check_what_was_adopted(stack, {voice.name: clones[voice.voice_id] for voice in STOCK})


def test_the_readmes_example_of_them_works_when_pasted(settings: dict[str, str]) -> None:
    [block] = re.findall(r"<!-- fakes -->\n```sh\n(.*?)```", (HOUSE / "README.md").read_text(), re.DOTALL)
    # The voice is the process's and another test may have had it: this one makes itself one of its own.
    [stocked] = [voice for voice in STOCK if voice.voice_id in block]
    with FakeBland().running() as fake, running_stack(**settings | {"bland_base_url": fake.base_url}) as stack:
        stock(fake)
        commands = {"~/.clonepipe": str(stack.folder), "http://127.0.0.1:8000": stack.url}
        commands |= {".venv/bin/python": sys.executable, ".venv/bin/clonepipe": f"{sys.executable} -m api"}
        for said, meant in commands.items():
            block = block.replace(said, meant)
        done = subprocess.run(
            ["sh", "-ec", block], env=stack.environment, cwd=HOUSE, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        taken, samples, deleted, proof = (json.loads(line) for line in done.stdout.splitlines())
        assert taken["data"]["job"]["kind"] == "extend"
        assert len(samples["data"]["vendorSamples"]) == 2
        assert deleted["success"] is True
        assert [voice["voiceId"] for voice in proof["data"]["voices"]] == [stocked.voice_id]
        assert until(lambda: stocked.voice_id not in fake.ledger(), within_s=60), stack.log()


def check_what_was_adopted(stack: Stack, clones: dict[str, str]) -> None:
    """`clones` are the ids by the names of the stock."""

    def add(name: str, count: int) -> httpx.Response:
        recordings = (CLEAN_SPEECH, HOUSE / "api" / "demo" / "noisy_speech.flac")[:count]
        parts = [("files", (path.name, path.read_bytes())) for path in recordings]
        return stack.client.post(f"/voice-clones/{clones[name]}/samples", files=parts)

    too_many = add("Nearly", 2)
    assert (too_many.status_code, too_many.json()["code"]) == (400, "SAMPLE_LIMIT_EXCEEDED")
    assert too_many.json()["details"]["current_count"] == 4
    assert add("Full", 1).json()["details"]["current_count"] == 5
    assert (add("Third", 1).status_code, add("Second", 1).json()["code"]) == (409, "EXTENSION_UNSUPPORTED")
    assert add("Room", 1).status_code == 201
    assert until(lambda: stack.get(clones["Room"])["job"]["outcome"] == "done", within_s=120), stack.log()
    held = stack.client.get(f"/voice-clones/{clones['Room']}/samples").json()["data"]["vendorSamples"]
    assert len(held) == 2
    held = stack.client.get(f"/voice-clones/{clones['Professional']}/samples").json()["data"]["vendorSamples"]
    assert [sample["detail"]["remove_background_noise"] for sample in held] == [True, False]
    assert held[0]["detail"]["speaker_separation"]["status"] == "not_started"
    for name in ("Full", "Instant", "Professional", "Greeter"):
        assert what_became_of(stack, clones[name]) == ["deleted"]
    assert what_became_of(stack, clones["Caller"]) == ["unsupported"]


def what_became_of(stack: Stack, clone_id: str) -> list[str]:
    """Erase a clone; return the outcomes at its vendors."""

    def proof() -> dict[str, Any]:
        data: dict[str, Any] = stack.client.get(f"/voice-clones/{clone_id}/erasure").json()["data"]
        return data

    assert stack.client.delete(f"/voice-clones/{clone_id}").status_code == 200
    assert until(lambda: proof()["completedAt"] is not None, within_s=120), stack.log()
    return [voice["outcome"] for voice in proof()["voices"]]


def test_misbehaviour_is_ordered_over_the_wire(settings: dict[str, str]) -> None:
    address = control(settings, "bland", ACTS)
    act = {"manner": "answer", "when": "after", "status": 429, "body": {}, "headers": {"retry-after": "1"}}
    with httpx.Client(trust_env=False) as client:
        assert client.post(address, json={"manner": "sulk"}).status_code == 400
        assert len(client.post(address, json=act).json()["acts"]) == 1
        assert client.delete(address).json()["acts"] == []


def live_checks(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    environment |= {f"CLONEPIPE_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *arguments, "tests/live"]
    return subprocess.run(command, cwd=HOUSE, env=environment, capture_output=True, text=True, timeout=600)


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
