"""The leash, on real processes: whoever is on it ends when the other end is gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from shared import leash
from shared.errors import SetupError
from tests.processes import is_gone, until

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal exists on Linux")

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"


class Leashed:
    """A process started as a supervisor starts it; `let_go` is the supervisor's death."""

    def __init__(self, *command: str) -> None:
        reader, self._writer = os.pipe()
        environment = {**os.environ, leash.LEASH_FD: str(reader)}
        self.process = subprocess.Popen(
            command, env=environment, pass_fds=(reader,), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        os.close(reader)

    def first_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def let_go(self) -> None:
        os.close(self._writer)
        self._writer = -1

    def close(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start() -> Iterator[Callable[..., Leashed]]:
    started: list[Leashed] = []

    def start_one(*command: str) -> Leashed:
        started.append(Leashed(sys.executable, *command))
        return started[-1]

    yield start_one
    for each in started:
        each.close()


def watching(then: str, *, arguments: str = "") -> tuple[str, str]:
    return "-c", f"from shared import leash\nleash.watch({arguments})\n{then}"


def test_a_process_gets_sigterm_when_its_supervisor_is_gone(start):
    child = start(*watching("print('up', flush=True); import time; time.sleep(60)"))
    assert child.first_line() == "up"
    child.let_go()
    assert child.process.wait(5) == -signal.SIGTERM


def test_a_process_lives_while_its_supervisor_does(start):
    child = start(*watching("print('up', flush=True); import time; time.sleep(60)"))
    child.first_line()
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(0.3)


def test_a_callback_stands_in_for_the_signal(start):
    child = start(*watching("leash.time.sleep(60)", arguments="lambda: leash.os._exit(7)"))
    child.let_go()
    assert child.process.wait(5) == 7


def test_a_process_that_does_not_end_by_itself_is_ended_after_the_grace(start):
    program = f"{STUBBORN}\nfrom shared import leash\nleash.watch(grace_s=0.3)\nprint('up', flush=True); time.sleep(60)"
    child = start("-c", program)
    child.first_line()
    child.let_go()
    assert child.process.wait(5) == 1


def test_a_callback_that_fails_does_not_save_the_process(start):
    child = start(*watching("leash.time.sleep(60)", arguments="lambda: 1 / 0, grace_s=0.1"))
    child.let_go()
    assert child.process.wait(5) == 1


def test_a_grandchild_inherits_neither_the_descriptor_nor_its_number(start):
    look = """
import os, subprocess, sys
number = os.environ["CLONEPIPE_LEASH_FD"]
from shared import leash
leash.watch()
code = 'import os, sys; print("CLONEPIPE_LEASH_FD" in os.environ, os.path.exists("/dev/fd/" + sys.argv[1]))'
subprocess.run([sys.executable, "-c", code, number], close_fds=False)
"""
    assert start("-c", look).first_line() == "False False"


def test_without_a_supervisor_nothing_is_watched(monkeypatch):
    monkeypatch.delenv(leash.LEASH_FD, raising=False)
    leash.watch()


@pytest.mark.parametrize("number", ["not a number", "-1", "987654"])
def test_a_leash_that_is_none_is_a_clear_error(monkeypatch, number):
    monkeypatch.setenv(leash.LEASH_FD, number)
    with pytest.raises(SetupError, match="names no open pipe"):
        leash.watch()


@pytest.mark.parametrize(
    ("program", "code"),
    [("raise SystemExit(3)", 3), ("", 0), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_a_foreign_program_ends_with_its_own_code(start, program, code):
    assert start("-m", "shared.leash", sys.executable, "-c", program).process.wait(5) == code


def test_a_program_that_does_not_exist_is_told_in_a_sentence(start):
    child = start("-m", "shared.leash", "/no/such/program")
    assert child.process.wait(5) == 127
    assert child.process.stderr.read() == "cannot run /no/such/program: No such file or directory\n"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on_to_a_foreign_program(start, signum):
    handle = f"import signal, time; signal.signal({int(signum)}, lambda *_: exit(5))"
    program = f"{handle}; print('up', flush=True); time.sleep(60)"
    child = start("-m", "shared.leash", sys.executable, "-c", program)
    child.first_line()
    child.process.send_signal(signum)
    assert child.process.wait(5) == 5


def test_a_foreign_program_ends_when_the_supervisor_is_gone(start):
    child = start("-m", "shared.leash", sys.executable, "-c", "print('up', flush=True); import time; time.sleep(60)")
    child.first_line()
    child.let_go()
    assert child.process.wait(5) == 128 + signal.SIGTERM


def test_a_stubborn_foreign_program_is_killed_after_the_grace(start):
    program = f"{STUBBORN}\nprint('up', flush=True); time.sleep(60)"
    run = f"import sys; from shared import leash; sys.exit(leash.run([sys.executable, '-c', {program!r}], grace_s=0.3))"
    child = start("-c", run)
    child.first_line()
    child.let_go()
    assert child.process.wait(5) == 128 + signal.SIGKILL


@LINUX_ONLY
def test_a_kill_of_the_leash_itself_leaves_no_orphan(start):
    program = f"{STUBBORN}\nimport os; print(os.getpid(), flush=True); time.sleep(60)"
    child = start("-m", "shared.leash", sys.executable, "-c", program)
    orphan = int(child.first_line())
    child.process.kill()
    assert until(lambda: is_gone(orphan))


def test_a_foreign_program_does_not_see_the_leash(start):
    child = start("-m", "shared.leash", sys.executable, "-c", "import os; print('CLONEPIPE_LEASH_FD' in os.environ)")
    assert child.first_line() == "False"
