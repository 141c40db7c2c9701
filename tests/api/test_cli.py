"""Ctrl-C at the command: quiet at every moment, also while it loads and while what it becomes loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.interrupt import EXIT_INTERRUPTED

CLONEPIPE = Path(sys.executable).with_name("clonepipe")
# Stands where a library is looked for first, and has Ctrl-C pressed in the middle of its being loaded.
PRESSED = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise ImportError('Ctrl-C was not heard')\n"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "CLONEPIPE_DATA_DIR": str(folder / "data")}
    # A shell that put these tests in the background has its children ignore Ctrl-C.
    command = ["env", "--default-signal=INT", str(CLONEPIPE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


@pytest.mark.parametrize("library", ["typer", "rich", "httpx", "pydantic", "structlog"])
def test_ctrl_c_while_the_command_loads_ends_it_without_a_word(tmp_path: Path, library: str) -> None:
    (tmp_path / f"{library}.py").write_text(PRESSED)
    done = run(tmp_path, "list")
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_INTERRUPTED, "", "")


def test_ctrl_c_while_a_command_works_ends_it_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text(PRESSED)  # loaded by `clonepipe api` when it begins
    done = run(tmp_path, "api")
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_INTERRUPTED, "", "")


@pytest.mark.parametrize("command", ["worker", "relay"])
def test_ctrl_c_while_a_server_loads_waits_until_it_can_end_in_order(tmp_path: Path, command: str) -> None:
    assert run(tmp_path, "migrate").returncode == 0
    # What presses it here goes on to the real library: the server would start if nothing were heard.
    (tmp_path / "sqlalchemy.py").write_text(
        "import importlib, os, signal, sys\n"
        "if '-m' in sys.orig_argv: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.path.remove(os.path.dirname(__file__)); del sys.modules['sqlalchemy']\n"
        "sys.modules['sqlalchemy'] = importlib.import_module('sqlalchemy')\n"
    )
    done = run(tmp_path, command)
    assert done.returncode in (0, EXIT_INTERRUPTED), done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_started_with_ctrl_c_ignored_goes_on_ignoring_it(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text(PRESSED)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        ["sh", "-c", f"trap '' INT; exec {CLONEPIPE} list"], capture_output=True, text=True, env=environment,
        timeout=300, check=False,
    )  # fmt: skip
    assert "Ctrl-C was not heard" in done.stderr
