"""Ctrl-C while a command is not running yet, or not any more: it ends without a word, with the code that shells know.

To be imported before anything that takes time to load, so it loads next to nothing itself.
"""

import os
import signal
from types import FrameType
from typing import Final

EXIT_INTERRUPTED: Final = 130


def end_at_once() -> None:
    """Let Ctrl-C end this process on the spot: nothing has begun that would have to be ended in order."""
    # Who started us in the background of a script has said that a Ctrl-C is not for us.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end)
    release()


def hold() -> None:
    """Let Ctrl-C wait until the program that this process becomes has loaded and says what is to come of it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def release() -> None:
    """Let a Ctrl-C through that was held, and every later one."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def let_it_raise() -> None:
    """Let Ctrl-C be a KeyboardInterrupt again: there is something to be ended in order."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(EXIT_INTERRUPTED)
