"""One check as a child: its answer is returned, and however it ends there is one error and nothing left running."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from api import checker
from api.checker import CheckedFile, Checker, CheckOrder
from shared.errors import CheckLost, CheckOverdue
from shared.settings import Settings
from tests.api import stand_in_child
from tests.processes import is_gone, until
from tests.stack import CLEAN_SPEECH

FILE = CheckedFile("file-1", "anna.flac", CLEAN_SPEECH, "flac", CLEAN_SPEECH.stat().st_size, "0" * 64)
# The sleeps never run out: the test is that both processes are killed.
GRANDCHILD = "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); sys.stdin.read(); time.sleep(600)"


def order(folder: Path) -> CheckOrder:
    return CheckOrder((FILE,), "sandbox", "default", "auto", "auto", folder)


def made(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str, **settings: object) -> Checker:
    monkeypatch.setattr(checker, "COMMAND", stand_in_child.command(script))
    return Checker(order(folder), Settings(data_dir=folder, **settings))  # type: ignore[arg-type]


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_a_real_recording_is_checked_by_the_real_child(tmp_path: Path) -> None:
    told: list[float] = []
    found = Checker(order(tmp_path), Settings(data_dir=tmp_path), told.append).run()
    assert found.files["file-1"]["inspection"]["codec"] == "flac"
    assert found.verdict in ("ok", "warn")
    assert [made["container"] for made in found.sent] == ["flac"]
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_the_child_is_told_names_paths_and_limits_and_nothing_of_our_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLONEPIPE_BLAND_API_KEY", "x1y2z3")
    shows = stand_in_child.ANSWERS.replace("json.dumps(request)", "json.dumps(request) + str(__import__('os').environ)")
    [told] = made(monkeypatch, tmp_path, shows, max_sample_minutes=3).run().reasons
    for word in ("anna.flac", "sandbox", '"max_duration_s": 180.0', str(tmp_path)):
        assert word in told
    assert "x1y2z3" not in told


@pytest.mark.parametrize("script", [stand_in_child.DIES, stand_in_child.BABBLES, stand_in_child.DEAF, "1/0"])
def test_a_child_without_an_answer_is_lost_and_its_last_words_are_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    checking = made(monkeypatch, tmp_path, script)
    with pytest.raises(CheckLost) as caught:
        checking.run()
    assert checking.death is not None
    assert "Traceback" not in caught.value.message
    assert dict(caught.value.details) == {}


def test_a_failure_that_the_child_could_name_is_kept_for_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checking = made(monkeypatch, tmp_path, stand_in_child.FAILS)
    with pytest.raises(CheckLost):
        checking.run()
    assert checking.death is not None
    assert (checking.death.exit_code, checking.death.failure) == (1, "DECODER_LOST")


def test_a_program_that_is_not_there_is_a_lost_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checker, "COMMAND", (str(tmp_path / "no-python"),))
    with pytest.raises(CheckLost):
        Checker(order(tmp_path), Settings(data_dir=tmp_path)).run()


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = {process.pid for process in children()}
    with pytest.raises(CheckOverdue, match=r"longer than 0\.5 s"):
        made(monkeypatch, tmp_path, GRANDCHILD, check_timeout_s=0.5).run()
    assert until(lambda: all(process.pid in before or is_gone(process.pid) for process in children()))


def test_a_check_that_nobody_wants_any_more_is_ended_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checking = made(monkeypatch, tmp_path, stand_in_child.HANGS)
    threading.Timer(0.3, checking.kill).start()
    began_s = time.monotonic()
    with pytest.raises(CheckLost):
        checking.run()
    assert time.monotonic() - began_s < 30
    with pytest.raises(CheckLost):  # one that was killed is not started again
        checking.run()


def test_a_child_that_is_killed_from_outside_is_a_lost_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = {process.pid for process in children()}
    checking = made(monkeypatch, tmp_path, stand_in_child.HANGS)

    def kill() -> None:
        def started() -> list[int]:
            return [process.pid for process in children() if process.pid not in before]

        assert until(started)
        os.kill(started()[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(CheckLost):
        checking.run()
    killer.join()
    assert checking.death is not None
    assert checking.death.exit_code == -signal.SIGKILL
