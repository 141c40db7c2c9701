"""The leash: a process ends when the one that started it is gone, kill -9 included.

    python -m shared.leash COMMAND…        for programs that know nothing of it, such as the broker

A supervisor gives each child the read end of a pipe and keeps the write end to itself; nothing is ever written. When
the supervisor dies, however it dies, the kernel closes its end, the child reads end-of-file and ends itself. Polling
for the parent's id instead would be late, and wrong under a supervisor that is process 1.

The number of the descriptor travels in CLONEPIPE_LEASH_FD. That is no setting: no operator may choose it, it names a
thing of one process's life, and it is taken out of the environment on reading, because in a grandchild the same number
would name something else. So it is read here and not by `shared.settings`, and this file imports next to nothing.
"""

import contextlib
import ctypes
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Final

from shared.errors import SetupError

LEASH_FD: Final = "CLONEPIPE_LEASH_FD"
GRACE_S: Final = 5.0  # a supervisor that was killed leaves nobody behind for longer than twice this

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_COMMAND_NOT_FOUND: Final = 127  # what a shell answers

_logger = logging.getLogger(__name__)


def watch(on_parent_death: Callable[[], None] | None = None, *, grace_s: float = GRACE_S) -> None:
    """End this process when its supervisor is gone; do nothing where there is none.

    On the supervisor's death a daemon thread calls `on_parent_death` (default: SIGTERM to this process) and, `grace_s`
    after it returned, leaves through `os._exit(1)`, whatever the other threads are waiting for.

    Raises: SetupError: when the environment promises a leash and the descriptor is none.
    """
    leash_fd = _take_leash()
    if leash_fd is not None:
        _start_watching(leash_fd, on_parent_death or (lambda: os.kill(os.getpid(), signal.SIGTERM)), grace_s)


def _take_leash() -> int | None:
    """Return the descriptor, closed for grandchildren, and forget its number; None where nobody supervises."""
    number = os.environ.pop(LEASH_FD, None)
    if number is None:
        return None
    with contextlib.suppress(ValueError, OSError):
        leash_fd = int(number)
        if stat.S_ISFIFO(os.fstat(leash_fd).st_mode):
            os.set_inheritable(leash_fd, False)
            return leash_fd
    raise SetupError(
        f"{LEASH_FD} is {number!r}, which names no open pipe. A supervisor sets it for its children; "
        "whatever starts clonepipe in between must keep that descriptor open, or unset the variable."
    )


def _start_watching(leash_fd: int, on_parent_death: Callable[[], None], grace_s: float) -> None:
    threading.Thread(target=_await_death, args=(leash_fd, on_parent_death, grace_s), name="leash", daemon=True).start()


def _await_death(leash_fd: int, on_parent_death: Callable[[], None], grace_s: float) -> None:
    while os.read(leash_fd, 1):
        pass
    try:
        on_parent_death()
    except Exception:  # whatever the callback's trouble is, this process must end with its supervisor
        _logger.exception("the supervisor is gone, and so is the orderly way out")
    time.sleep(grace_s)
    os._exit(1)


def run(command: Sequence[str], *, pass_fds: Sequence[int] = (), grace_s: float = GRACE_S) -> int:
    """Run a foreign program on our leash; return its exit code, or 128+n where signal n ended it.

    SIGTERM and SIGINT are passed on. When the supervisor is gone the program gets SIGTERM, and SIGKILL `grace_s` later.
    Must be called from the main thread before any other is started: Linux ties the death signal to the thread that
    forks, and what runs between fork and exec must not wait for a lock of another thread.

    Raises: SetupError: as `watch`; nothing was started then.
    """
    leash_fd = _take_leash()
    early: list[int] = []
    program: subprocess.Popen[bytes] | None = None

    def pass_on(signum: int, _frame: FrameType | None) -> None:
        if program is None:
            early.append(signum)
        else:
            program.send_signal(signum)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    try:
        program = subprocess.Popen(command, pass_fds=pass_fds, preexec_fn=_tie_to_this_process())  # noqa: S603 (the command is the caller's own)
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        return _COMMAND_NOT_FOUND
    for signum in early:
        program.send_signal(signum)
    if leash_fd is not None:
        _start_watching(leash_fd, partial(_end, program, grace_s), grace_s)
    code = program.wait()
    return code if code >= 0 else 128 - code


def _end(program: subprocess.Popen[bytes], grace_s: float) -> None:
    program.terminate()
    try:
        program.wait(grace_s)
    except subprocess.TimeoutExpired:
        program.kill()


def _tie_to_this_process() -> Callable[[], None] | None:
    """Return what the new process calls before it becomes the program: die when this process does (Linux only).

    SIGKILL, because nobody is left to follow a SIGTERM up. It covers the kill -9 of this very process, which the pipe
    cannot: the program does not read it.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, where taking the loader's locks is safe
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:  # died between the fork and the line above
            os._exit(1)

    return tie


def main() -> int:
    """Run the command line's program on the leash."""
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python -m shared.leash COMMAND…\n")
        return 2
    try:
        return run(sys.argv[1:])
    except SetupError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
