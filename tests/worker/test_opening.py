"""A worker and a relay begin on a database that has their tables, or say in a sentence why they do not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CLONEPIPE = Path(sys.executable).with_name("clonepipe")


@pytest.mark.parametrize("command", ["worker", "relay"])
def test_without_tables_it_says_what_to_do(tmp_path: Path, command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    environment |= {"CLONEPIPE_DATA_DIR": str(tmp_path), "CLONEPIPE_BROKER_URL": "redis://127.0.0.1:9/0"}
    done = subprocess.run([str(CLONEPIPE), command], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 2
    assert "run 'clonepipe migrate'" in done.stderr
    assert "Traceback" not in done.stderr
