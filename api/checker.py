"""One check of recordings, done by a child process of the workshop's: started, fed, read, and ended whatever happens.

The child is `python -m worker.check`, named and not imported, as the supervisor's children are. It hangs on our leash
and leads a process group, so that nothing of it outlives us or a check that is given up. It gets no more than it needs:
names, paths and limits. Of what it says, only its answer is shown to anybody; lines that are no progress are kept for
the log.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from shared import leash
from shared.errors import CheckLost, CheckOverdue
from shared.settings import Settings

COMMAND: Final = (sys.executable, "-P", "-m", "worker.check")
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_LAST_WORDS: Final = 20  # lines
_END_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A recording on this machine's disk. `filename` is what its owner calls it."""

    id: str
    filename: str
    path: Path
    container: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """What is to be checked, for which engine. Only `folder` is written to, which is the caller's to remove."""

    files: tuple[CheckedFile, ...]
    vendor: str
    engine: str
    denoise: str
    trim: str
    folder: Path

    def to_json(self, settings: Settings) -> dict[str, Any]:
        """Return the request that the child reads."""
        files = [
            {"id": file.id, "filename": file.filename, "path": str(file.path), "sha256": file.sha256}
            for file in self.files
        ]
        return {
            "files": files,
            "vendor": self.vendor,
            "engine": self.engine,
            "wish": {"denoise": self.denoise, "trim": self.trim},
            "limits": {
                "max_duration_s": settings.max_sample_s,
                "memory_bytes": settings.decoder_memory_mb * 1024 * 1024,
            },
            "folder": str(self.folder),
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """The child's answer: by recording its inspection or its error, the files that would be sent, and the verdict."""

    files: Mapping[str, Mapping[str, Any]]
    sent: tuple[Mapping[str, Any], ...]
    verdict: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Death:
    """How a child ended that had no answer, for whoever runs the service and for nobody else."""

    exit_code: int | None
    failure: str | None
    last_words: tuple[str, ...]


class Checker:
    """One child with one request. `run` blocks; `kill` may come from any thread, before, during or after it."""

    def __init__(
        self, order: CheckOrder, settings: Settings, on_progress: Callable[[float], None] | None = None
    ) -> None:
        self._request = json.dumps(order.to_json(settings)).encode()
        self._max_s = settings.check_timeout_s
        self._on_progress = on_progress
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_killed = False
        self._is_overdue = False
        self.death: Death | None = None  # after a CheckLost

    def run(self) -> Checked:
        """Return what was found. Raises: CheckOverdue; CheckLost: `death` tells more."""
        timer = threading.Timer(self._max_s, self._expire)
        theirs, ours = os.pipe()
        try:
            process = self._start(theirs)
            reader = threading.Thread(target=self._follow, args=(process.stderr,), name="check", daemon=True)
            reader.start()
            timer.start()
            try:
                text = self._converse(process)
            finally:
                # Its answer is complete, or it is dead or unwanted: it has nothing more to do.
                timer.cancel()
                self.kill()
                process.wait()
                reader.join(_END_S)
            return self._read(text, process.returncode)
        finally:
            os.close(ours)

    def kill(self) -> None:
        """End the child and everything that it started, at once."""
        with self._lock:
            self._is_killed = True
            process, self._process = self._process, None
            if process is not None:  # not waited for yet, so the number is nobody else's
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _expire(self) -> None:
        self._is_overdue = True
        self.kill()

    def _start(self, leash_fd: int) -> subprocess.Popen[bytes]:
        with self._lock:
            try:
                if self._is_killed:
                    raise CheckLost
                self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                    COMMAND,
                    env=_environment(leash_fd),
                    pass_fds=(leash_fd,),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                self.death = Death(None, error.strerror, ())
                raise CheckLost from error
            finally:
                os.close(leash_fd)
            return self._process

    def _converse(self, process: subprocess.Popen[bytes]) -> bytes:
        """Hand over the request and return all that is answered."""
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as sink:
            sink.write(self._request)
        with process.stdout as source:
            return source.read(MAX_ANSWER_BYTES)

    def _follow(self, source: IO[bytes]) -> None:
        with source:
            for line in source:
                fraction = _fraction(line)
                if fraction is None:
                    self._last_words.append(line.decode(errors="replace").rstrip()[:500])
                elif self._on_progress is not None:
                    self._on_progress(fraction)

    def _read(self, text: bytes, code: int) -> Checked:
        try:
            found = json.loads(text)
            judged = found["engine"]
            files = {file["id"]: file for file in found["files"]}
            return Checked(files, tuple(found["sent"]), judged["verdict"], tuple(judged["reasons"]))
        except (ValueError, KeyError, TypeError):
            if self._is_overdue:
                raise CheckOverdue(
                    f"Checking the recordings takes longer than {self._max_s:g} s here and was given up; nothing was "
                    "kept. Send fewer or shorter ones, or create the clone."
                ) from None
            self.death = Death(code, _failure(text), tuple(self._last_words))
            raise CheckLost from None


def _environment(leash_fd: int) -> dict[str, str]:
    """Return all that the child is told of our surroundings: where the modules lie, and its leash.

    It handles strangers' recordings; the keys and addresses in our own environment are not for it.
    """
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), leash.LEASH_FD: str(leash_fd)}


def _fraction(line: bytes) -> float | None:
    """Return the progress that a line tells; None for any other line."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return float(json.loads(line)["fraction"])
    return None


def _failure(text: bytes) -> str | None:
    """Return the code of what went wrong, where the child could still say so."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(text)["failure"]["code"])
    return None
