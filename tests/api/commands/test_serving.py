"""A misspelt setting is told by every command that serves, once for each start, and stops none of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import until
from tests.stack import running_stack

CLONEPIPE = Path(sys.executable).with_name("clonepipe")
ADVICE = "CLONEPIPE_STORAGE_URI is not a setting; did you mean CLONEPIPE_STORAGE_URL?"


@pytest.mark.parametrize("command", ["up", "api", "worker", "relay", "migrate"])
def test_an_unknown_setting_is_told_once_with_the_nearest_that_is_known(tmp_path: Path, command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    # A storage that none can open ends what would serve for ever.
    wrong = {"CLONEPIPE_DATA_DIR": str(tmp_path), "CLONEPIPE_STORAGE_URI": "x", "CLONEPIPE_STORAGE_URL": "ftp://x"}
    done = subprocess.run(
        [str(CLONEPIPE), command], capture_output=True, text=True, env=environment | wrong, timeout=300, check=False
    )
    assert done.stderr.count(ADVICE) == 1
    assert (done.returncode == 0) == (command == "migrate"), "who opens no storage goes on"


def test_the_children_of_up_do_not_tell_it_again_and_its_farewell_is_its_own() -> None:
    with running_stack(storage_uri="x") as stack:
        folder = stack.folder
        # The greeting comes from a thread of its own; a service may be asked, and ended, before it.
        assert until(lambda: "clonepipe is ready at" in (folder / "log").read_text())
        stack.end(2)
        said = (folder / "log").read_text()
    assert said.count(ADVICE) == 1
    last = [line for line in said.splitlines() if '"event"' not in line][-4:]
    assert last == [f"up     | stopping {name}" for name in ("worker", "relay", "api", "broker")]


def test_a_broker_that_cannot_be_reached_is_told_with_the_banner_and_without_its_password() -> None:
    with running_stack(broker_url="redis://:x1y2z3@127.0.0.1:9/0", ready="degraded") as stack:
        until(
            lambda: "cannot be reached: recordings" in stack.log()
        )  # written after the service has said that it is up
        stack.end(2)
        said = (stack.folder / "log").read_text()
    assert "\nCLONEPIPE_BROKER_URL cannot be reached: recordings are accepted" in said
    assert "x1y2z3" not in said
