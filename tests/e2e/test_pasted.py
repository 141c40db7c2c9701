"""The README's examples as a user pastes them into a shell."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import free_ports
from tests.stack import Stack, running_stack

HOUSE = Path(__file__).parents[2]
CLONEPIPE = Path(sys.executable).with_name("clonepipe")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


def test_the_readmes_quickstart_works_when_pasted(stack: Stack) -> None:
    [block] = re.findall(r"<!-- quickstart -->\n```sh\n(.*?)```", (HOUSE / "README.md").read_text(), re.DOTALL)
    script = block.replace("~/.clonepipe", str(stack.folder)).replace("http://127.0.0.1:8000", stack.url)
    finished = subprocess.run(
        ["sh", "-ec", script], capture_output=True, text=True, cwd=HOUSE, timeout=300, check=False
    )
    assert finished.returncode == 0, finished.stderr
    created, listed = finished.stdout.splitlines()
    assert json.loads(created)["data"]["name"] == "Anna"
    assert json.loads(listed)["data"]["total"] >= 1


def test_the_readmes_way_to_follow_a_clone_works_when_pasted(stack: Stack) -> None:
    [block] = re.findall(r"<!-- live -->\n```sh\n(.*?)```", (HOUSE / "README.md").read_text(), re.DOTALL)
    script = block.replace("~/.clonepipe", str(stack.folder)).replace("http://127.0.0.1:8000", stack.url)
    finished = subprocess.run(
        ["sh", "-ec", script], capture_output=True, text=True, cwd=HOUSE, timeout=300, check=False
    )
    assert finished.returncode == 0, finished.stderr
    waited, *streamed, last = finished.stdout.splitlines()
    assert json.loads(waited)["data"]["name"] == "Anna"
    ids = [line.removeprefix("id: ") for line in streamed if line.startswith("id: ")]
    assert ids == [str(number) for number in range(1, len(ids) + 1)]
    assert [line for line in streamed if line.startswith("event: ")][-1] == "event: voice_clone.ready"
    assert last == "304"


def pasted(stack: Stack, name: str, **replaced: str) -> str:
    """Run a block of the README as a user would who serves elsewhere than at the usual place."""
    [block] = re.findall(rf"<!-- {name} -->\n```sh\n(.*?)```", (HOUSE / "README.md").read_text(), re.DOTALL)
    script = block.replace("~/.clonepipe", str(stack.folder)).replace("http://127.0.0.1:8000", stack.url)
    script = script.replace(".venv/bin/clonepipe", str(CLONEPIPE)).replace("api/demo", str(HOUSE / "api" / "demo"))
    for before, after in replaced.items():
        script = script.replace(before.removeprefix("_"), after)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    environment |= {"CLONEPIPE_API_URL": stack.url, "CLONEPIPE_DATA_DIR": str(stack.folder), "COLUMNS": "200"}
    finished = subprocess.run(
        ["bash", "-emc", script], capture_output=True, text=True, cwd=stack.folder, timeout=300, check=False,
        env=environment,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_the_readmes_change_of_mind_works_when_pasted(stack: Stack) -> None:
    said = pasted(stack, "minds")
    assert said.count('"errorCode":"CANCELED"') == 1
    assert "It is tried again" in said


def test_the_readmes_way_to_be_called_back_works_when_pasted() -> None:
    with running_stack(allow_private_webhooks=1) as open_stack:
        said = pasted(open_stack, "webhooks", _9000=str(free_ports(1)[0]))
    assert said.count("whsec_") == 3
    assert said.count("voice_clone.ready") >= 3, said  # to the endpoint, to the one that chose it, to the callback
    assert "accepted it with 204" in said
