"""What is loaded to measure and to prepare a recording: a command that checks one pays for every import anew."""

import subprocess
import sys

import pytest

HEAVY = ("scipy", "librosa", "numba", "sklearn", "pyrnnoise", "matplotlib", "av", "pydantic", "sqlalchemy")


@pytest.mark.parametrize("module", ["worker.audio.inspector", "worker.audio.preparation"])
def test_the_sound_room_opens_without_heavy_libraries(module: str) -> None:
    asked = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert module in loaded
    assert not set(HEAVY) & set(loaded)
