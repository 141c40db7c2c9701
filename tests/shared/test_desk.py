"""A desk is gone with its job, and a dead process's desk with the next one."""

import os
import subprocess
import sys
from pathlib import Path

from shared.desk import Desk, clear

LEAVES_A_RECORDING = """
import os, signal, sys
from pathlib import Path
from shared.desk import Desk
with Desk(Path(sys.argv[1])).folder() as folder:
    (folder / "voice.f32").write_bytes(b"somebody's voice")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_jobs_folder_is_gone_with_the_job(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.folder() as folder:
        (folder / "voice.f32").write_bytes(b"x")
    assert not folder.exists()
    desk.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_cleared_by_the_next_one(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", LEAVES_A_RECORDING, tmp_path], check=False)
    assert killed.returncode == -9
    assert list(tmp_path.rglob("voice.f32"))
    desk = Desk(tmp_path)
    assert list(tmp_path.rglob("voice.f32")) == []
    desk.close()


def test_the_desk_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    living = Desk(tmp_path)
    with living.folder() as folder:
        assert clear(tmp_path) == 0
        assert folder.exists()
    living.close()


def test_only_its_owner_can_look_at_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "work")
    with desk.folder() as folder:
        assert os.stat(folder).st_mode & 0o077 == 0
        assert (tmp_path / "work").stat().st_mode & 0o077 == 0
    desk.close()
