"""The room for checks: so many places, a private folder each, and nothing left of a process that was killed."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from api.intake.checking import CheckRoom
from shared.errors import RateLimited, StorageUnavailable
from shared.settings import Settings
from tests.shared.test_desk import LEAVES_A_RECORDING


def room(folder: Path, places: int = 2) -> CheckRoom:
    return CheckRoom(Settings(data_dir=folder, max_checks=places))


def test_there_are_so_many_places_and_each_is_given_back(tmp_path: Path) -> None:
    opened = room(tmp_path)
    with opened.place():
        with opened.place():
            with pytest.raises(RateLimited, match="2 checks are under way") as caught, opened.place():
                pass
            assert caught.value.details["retry_after_s"] > 0
        with opened.place():
            pass


def test_a_place_is_given_back_by_a_check_that_fails(tmp_path: Path) -> None:
    opened = room(tmp_path, places=1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), opened.place():
            raise ZeroDivisionError


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_folder_is_its_owners_and_gone_at_the_end_however_that_comes(
    tmp_path: Path, error: type[BaseException]
) -> None:
    async def fail() -> None:
        async with room(tmp_path).folder() as folder:
            assert folder.stat().st_mode & 0o077 == 0
            (folder / "voice.wav").write_bytes(b"somebody's voice")
            raise error

    with pytest.raises(error):
        anyio.run(fail)
    assert list(tmp_path.rglob("voice.wav")) == []


def test_a_check_that_is_cancelled_leaves_no_folder(tmp_path: Path) -> None:
    async def give_up() -> None:
        with anyio.move_on_after(0.1):
            async with room(tmp_path).folder() as folder:
                (folder / "voice.wav").write_bytes(b"somebody's voice")
                await anyio.sleep(60)

    anyio.run(give_up)
    assert list(tmp_path.rglob("voice.wav")) == []


def test_what_a_killed_process_left_is_cleared_when_the_next_one_starts(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LEAVES_A_RECORDING, tmp_path / "work"], check=False)
    assert list(tmp_path.rglob("voice.f32"))
    room(tmp_path)
    assert list(tmp_path.rglob("voice.f32")) == []


def test_an_api_that_never_checks_makes_no_folder_and_one_that_cannot_says_so(tmp_path: Path) -> None:
    room(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "file").touch()

    async def check() -> None:
        async with room(tmp_path / "file").folder():
            pass

    with pytest.raises(StorageUnavailable, match="folder"):
        anyio.run(check)
