"""Where a process lays recordings while it works on them: a private folder that does not outlive it for long.

A folder in the system's temp would keep somebody's voice after a kill -9 until somebody tidies up. Here the next
process with a desk in the same data folder does: every desk is locked by its owner, and the kernel lets go of the lock
with it. Making a desk and clearing others away happen one at a time for a data folder, so that a desk without a lock is
always one whose owner died before it had one, or while it removed it.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared import log

_PREFIX: Final = "desk-"
_LOCK: Final = "lock"
_CLOSE_TRIES: Final = (
    100  # what a job had begun to lay down when its desk was moved may come to be after it was emptied
)
_CLOSE_PAUSE_S: Final = 0.02
_logger = log.get(__name__)


class Desk:
    """The folder of one process, be it a worker or an API that checks."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        clear(root)
        with _alone_in(root):
            self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            self._lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a folder for one job; it is gone at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="job-", dir=self._folder) as folder:
            yield Path(folder)

    def close(self) -> None:
        """Remove the desk with all that is on it, and with what a job that is just ending still lays there.

        It is moved away first: a job that is not yet at its end finds no folder to lay anything in, instead of laying
        down as fast as it is cleared away.
        """
        closed = self._folder.with_name(f"{self._folder.name}-closed")
        with contextlib.suppress(FileNotFoundError):
            self._folder.rename(closed)
        for _ in range(_CLOSE_TRIES):
            shutil.rmtree(closed, ignore_errors=True)
            if not closed.exists():
                break
            time.sleep(_CLOSE_PAUSE_S)
        os.close(self._lock)


def clear(root: Path) -> int:
    """Remove the desks of processes that are dead; return how many."""
    removed = 0
    if not root.is_dir():
        return removed
    with _alone_in(root):
        for folder in root.glob(f"{_PREFIX}*"):
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    if removed:
        _logger.info("desks_cleared", desks=removed)
    return removed


@contextlib.contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Hold the folder of all desks for the block; the kernel lets go of it with the process."""
    held = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _is_abandoned(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
