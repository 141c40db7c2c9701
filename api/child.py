"""One supervised child through all its lives: how it is started, read, counted and ended.

It decides nothing about the others and waits for nothing but the dead; `api.supervisor` does the rest.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from api.transcript import Transcript
from shared import leash

LAST_WORDS: Final = 20  # lines
_UNREAD_S: Final = 1.0  # how long a killed child and its last lines are waited for


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run. `env` is added to our own environment; the descriptors `pass_fds` keep their numbers in the child.

    The command must watch the leash (`shared.leash`): either it calls `leash.watch`, or it is run by `shared.leash`.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    hushed: tuple[str, ...] = ()  # lines that contain one of these are kept as last words, and shown to nobody


@dataclass(frozen=True, slots=True)
class Patience:
    """How long deaths are put up with, and how long a child may take to end."""

    first_pause_s: float = 0.2  # before the first restart; doubles with each death
    longest_pause_s: float = 30.0
    steady_after_s: float = 30.0  # a life this long makes the next death a first one again
    deaths: int = 5  # so many within `within_s`, and none of the lives was steady: it is in trouble
    within_s: float = 60.0
    grace_s: float = 15.0  # from SIGTERM to SIGKILL, for one child
    total_grace_s: float = 25.0  # ... and for all of them
    least_grace_s: float = 1.0  # ... but this much for each, so that a slow one costs the broker no orderly end


class Child:
    """A process that is started again when it dies. Called from the supervisor's thread only."""

    def __init__(self, spec: ChildSpec, patience: Patience, transcript: Transcript) -> None:
        self.name = spec.name
        self.last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self.restart_at_s: float | None = None  # on the monotonic clock; None while it lives
        self._spec, self._patience, self._transcript = spec, patience, transcript
        self._deaths_at_s: deque[float] = deque(maxlen=patience.deaths)
        self.is_in_trouble = False  # it died often in a short time, and has not lived steadily since
        self._lives = 0
        self._can_live = False  # it has lived steadily once, or was ended from outside before it could
        self._pause_s = patience.first_pause_s
        self._started_at_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._leash_fd: int | None = None  # our end; closing it, or our death, ends the child
        self._reader: threading.Thread | None = None

    def start(self) -> str | None:
        """Start the child in a session of its own, on a leash; return how that failed, where it did.

        Its own session, so that a Ctrl-C in the terminal reaches the supervisor alone, which ends everything in order.
        """
        self.restart_at_s, self._started_at_s = None, time.monotonic()
        theirs, self._leash_fd = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 (the command comes from our own code)
                self._spec.command,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._spec.env, leash.LEASH_FD: str(theirs)},
                pass_fds=(theirs, *self._spec.pass_fds),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self.last_words.append(f"cannot run {self._spec.command[0]}: {error.strerror}")
            self._let_go()
            return self._bury("it could not be started")
        finally:
            os.close(theirs)
        assert self._process.stdout is not None
        self._reader = self._transcript.follow(self.name, self._process.stdout, self.last_words, self._spec.hushed)
        return None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def find_death(self) -> str | None:
        """Return how the child died, once for each death, with nothing of it left behind."""
        if self._process is None or self._process.poll() is None:
            return None
        code = self._process.returncode
        self._can_live |= code < 0 or code > 128  # whoever is killed has not ended by itself
        self.kill()
        return self._bury(_describe(code))

    def _bury(self, death: str) -> str:
        """Count a death and set the time of the next life."""
        now_s = time.monotonic()
        if self.is_steady:
            self.is_in_trouble, self._can_live = False, True
            self._deaths_at_s.clear()
            self._pause_s = self._patience.first_pause_s
        self._lives += 1
        self._deaths_at_s.append(now_s)
        self.restart_at_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._patience.longest_pause_s)
        return death

    @property
    def is_steady(self) -> bool:
        """Whether this life has been long enough to say that the child can live here."""
        return time.monotonic() - self._started_at_s >= self._patience.steady_after_s

    @property
    def dies_often(self) -> bool:
        """Whether it died so often in so short a time that something is wrong with it, and not with one moment."""
        often = len(self._deaths_at_s) == self._patience.deaths
        return often and self._deaths_at_s[-1] - self._deaths_at_s[0] <= self._patience.within_s

    @property
    def cannot_start(self) -> bool:
        """Whether all of its first lives ended soon and by themselves, as with settings that it refuses."""
        return self._lives == self._patience.deaths and self.dies_often and not self._can_live

    def terminate(self) -> None:
        """Ask the child to end."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End the child and everything it started, at once. Also sweeps up after one that has died by itself."""
        if self._process is None:
            return
        # The first process of a session leads its group, and while any member lives its number is not given out again.
        # macOS refuses (PermissionError) where only a zombie is left of the group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_UNREAD_S)
        self._process = None
        self._let_go()

    def _let_go(self) -> None:
        """Give back what belongs to one life."""
        if self._leash_fd is not None:
            os.close(self._leash_fd)
        if self._reader is not None:
            self._reader.join(_UNREAD_S)
        self._leash_fd = self._reader = None


def _describe(code: int) -> str:
    """Return how a process ended, from Popen's return code."""
    if code < 0:
        return _signal_name(-code)
    if code > 128:  # a shell or our leash, telling of the program that it ran
        return f"exit code {code}, as after {_signal_name(code - 128)}"
    return f"exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
