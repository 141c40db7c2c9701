"""Signs of life of one process: which of its loops go round, and what it needs that is away.

A loop that stands still is a reason to start the process again. A database or a broker that is away is none: it is
told, and makes the process unready at the most.
"""

import threading
import time

OK = "ok"


class Vitals:
    """What the loops of a process have said of themselves. Any thread may speak or ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due_by_s: dict[str, float] = {}  # loop: when it must have gone round again, on the monotonic clock
        self._parts: dict[str, str] = {}

    def beat(self, loop: str, within_s: float) -> None:
        """Say that a loop has gone round, and how long its next round may take."""
        with self._lock:
            self._due_by_s[loop] = time.monotonic() + within_s

    def rest(self, loop: str) -> None:
        """Say that a loop goes round no more until its next beat, and that nothing is wrong with that."""
        with self._lock:
            self._due_by_s.pop(loop, None)

    def note(self, part: str, word: str = OK) -> None:
        """Say how something is that the process needs: OK, or what is wrong with it."""
        with self._lock:
            self._parts[part] = word

    def stuck(self) -> tuple[str, ...]:
        """Return the loops that stand still."""
        now_s = time.monotonic()
        with self._lock:
            return tuple(sorted(loop for loop, due_by_s in self._due_by_s.items() if now_s > due_by_s))

    def parts(self) -> dict[str, str]:
        """Return what was last said of each part."""
        with self._lock:
            return dict(self._parts)
