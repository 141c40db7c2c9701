"""A desk is gone with its job, and a dead process's desk with the next one."""

import contextlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
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

MOST_FILES = 100_000


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


def test_a_desk_whose_owner_died_before_or_after_its_lock_is_cleared_at_once(tmp_path: Path) -> None:
    (tmp_path / "desk-empty").mkdir()
    assert clear(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_ends_while_its_desk_is_closed_leaves_no_empty_desk(tmp_path: Path) -> None:
    for _ in range(10):
        desk = Desk(tmp_path)
        began = threading.Event()

        def job(desk: Desk = desk, began: threading.Event = began) -> None:
            with contextlib.suppress(OSError), desk.folder() as folder:  # the desk is gone, as it should be
                for number in range(MOST_FILES):  # however the test ends, the disk is not full
                    (folder / f"{number}.f32").write_bytes(b"x")
                    if number == 200:  # enough that removing them takes its time
                        began.set()

        busy = threading.Thread(target=job)
        busy.start()
        assert began.wait(60)
        desk.close()
        busy.join(60)
        assert not busy.is_alive()
        assert list(tmp_path.iterdir()) == []


def test_desks_that_are_made_and_cleared_at_once_stand_in_nobodys_way(tmp_path: Path) -> None:
    def come_and_go(_number: int) -> bool:
        desk = Desk(tmp_path)
        with desk.folder() as folder:
            there = folder.is_dir()
            clear(tmp_path)
            there = there and folder.is_dir()
        desk.close()
        return there

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(come_and_go, range(100)))
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_can_look_at_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "work")
    with desk.folder() as folder:
        assert os.stat(folder).st_mode & 0o077 == 0
        assert (tmp_path / "work").stat().st_mode & 0o077 == 0
    desk.close()
