"""`clonepipe up`: runs broker, API, relay and worker as children, starts again what dies, and ends with all of them.

Knows nothing of what its children do. One thread decides, woken by signals; no child is waited for while another may
need something. A kill -9 of this process ends the children through their leashes (`shared.leash`).
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Final, Self

from api.child import Child, ChildSpec, Patience
from api.listener import bind
from api.transcript import Transcript

__all__ = ["ChildSpec", "Patience", "Ready", "bind", "supervise"]

OURSELVES: Final = "up"  # whose lines are the supervisor's own
FAILED: Final = 1
CUT_SHORT: Final = 128 + signal.SIGINT

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FLUSH_S: Final = 1.0

Ready = Callable[[threading.Event], None]


def supervise(specs: Sequence[ChildSpec], *, patience: Patience | None = None, ready: Ready | None = None) -> int:
    """Run the children, in this order, until a signal or a child that cannot start; return the exit code.

    One that dies is started again, after ever longer pauses: the API takes uploads whatever becomes of the worker.

    `ready` is called in a thread of its own once the children are started, with an event that is set when the
    supervisor stops: the place to wait for the API's first answer and print a banner.

    Returns 0 after SIGINT, SIGTERM or SIGHUP, 1 when a child could not start (its last words are then on stderr), and
    130 when a Ctrl-C cut the stopping short. Must be called from the main thread.
    """
    transcript = Transcript([*(spec.name for spec in specs), OURSELVES])
    with _Signals() as signals:
        supervisor = _Supervisor(specs, patience or Patience(), transcript, signals)
        code = supervisor.run(ready)
        transcript.close(_FLUSH_S)
        for line in supervisor.verdict:
            sys.stderr.write(f"{line}\n")
    return code


class _Signals:
    """Signals as something to wait for: their handlers do nothing, their numbers come out of a pipe."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)

    def __enter__(self) -> Self:
        self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        # Under nohup SIGHUP is ignored, and stays so.
        taken = [one for one in _STOP_SIGNALS if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN]
        self._before = {one: signal.signal(one, _ignore) for one in (*taken, signal.SIGCHLD)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, timeout_s: float | None) -> frozenset[int]:
        """Return the signals that came, at once or after `timeout_s` without any (None: wait for one)."""
        self._poll.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000)
        try:
            return frozenset(os.read(self._reader, 4096))
        except BlockingIOError:
            return frozenset()


def _ignore(_signum: int, _frame: FrameType | None) -> None:
    """Stand where the default action would end us; the wake-up descriptor has the signal's number."""


class _Supervisor:
    """The loop: look at what died, start what is due, wait for the next signal."""

    def __init__(
        self, specs: Sequence[ChildSpec], patience: Patience, transcript: Transcript, signals: _Signals
    ) -> None:
        self.verdict: list[str] = []  # for stderr, after everything else has been said
        self._patience, self._transcript, self._signals = patience, transcript, signals
        self._children = [Child(spec, patience, transcript) for spec in specs]

    def run(self, ready: Ready | None) -> int:
        stopping = threading.Event()
        for child in self._children:
            self._start(child)
        if ready is not None:
            threading.Thread(target=ready, args=(stopping,), name="ready", daemon=True).start()
        failed = self._watch()
        stopping.set()
        is_orderly = self._stop()
        if failed is not None:
            return FAILED
        return 0 if is_orderly else CUT_SHORT

    def _watch(self) -> Child | None:
        """Keep the children alive until a stop signal (None), or until one cannot start (that one)."""
        while True:
            for child in self._children:
                death = child.find_death()
                if death is not None and self._mourn(child, death):
                    return child
                if child.restart_at_s is not None and time.monotonic() >= child.restart_at_s and self._start(child):
                    return child
            if self._signals.wait(self._next_restart_in_s()).intersection(_STOP_SIGNALS):
                return None

    def _start(self, child: Child) -> bool:
        """Start a child; tell whether it cannot start."""
        failure = child.start()
        return failure is not None and self._mourn(child, failure)

    def _mourn(self, child: Child, death: str) -> bool:
        """Say how a child died and when it comes back; tell whether it cannot start."""
        assert child.restart_at_s is not None
        patience = self._patience
        if not child.cannot_start:
            pause_s = max(0.0, child.restart_at_s - time.monotonic())
            self._say(f"{child.name} died ({death}); started again in {pause_s:.1f} s")
            if child.dies_often and not child.is_in_trouble:
                child.is_in_trouble = True
                self._say(
                    f"TROUBLE: {child.name} died {patience.deaths} times within {patience.within_s:g} s. Everything "
                    f"else goes on; it is started again after pauses of up to {patience.longest_pause_s:g} s."
                )
            return False
        self._say(f"{child.name} died ({death}), {patience.deaths} times within {patience.within_s:g} s; giving up")
        self.verdict = [
            f"{child.name} died {patience.deaths} times within {patience.within_s:g} s (the last time: {death}). "
            "Its last words:",
            *(f"    {line}" for line in child.last_words or ["(it said nothing)"]),
        ]
        return True

    def _next_restart_in_s(self) -> float | None:
        due = [child.restart_at_s for child in self._children if child.restart_at_s is not None]
        return min(due) - time.monotonic() if due else None

    def _stop(self) -> bool:
        """End the children, the last started first; tell whether they were given their time."""
        end_by_s = time.monotonic() + self._patience.total_grace_s
        for child in reversed(self._children):
            if child.is_alive:
                self._say(f"stopping {child.name}")
                child.terminate()
                left_s = max(end_by_s - time.monotonic(), self._patience.least_grace_s)
                if not self._await_end(child, min(left_s, self._patience.grace_s)):
                    self._say("killing everything")
                    for each in self._children:
                        each.kill()
                    return False
            child.kill()  # and what it has left running
        return True

    def _await_end(self, child: Child, grace_s: float) -> bool:
        """Wait until a child that was asked to end has ended, or its grace; False when a Ctrl-C says not to wait."""
        end_by_s = time.monotonic() + grace_s
        while child.is_alive:
            if time.monotonic() >= end_by_s:
                self._say(f"{child.name} did not end within {grace_s:.1f} s of SIGTERM; killing it")
                return True
            if signal.SIGINT in self._signals.wait(end_by_s - time.monotonic()):
                return False
        return True

    def _say(self, text: str) -> None:
        self._transcript.say(OURSELVES, text)
