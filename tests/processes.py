"""Looking at real processes from a test."""

import time
from collections.abc import Callable

import psutil


def until(condition: Callable[[], object], within_s: float = 10.0, every_s: float = 0.02) -> bool:
    """Wait until the condition holds, looking every so often; tell whether it came to that."""
    give_up_at = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(every_s)
    return True


def is_gone(process_id: int) -> bool:
    """Tell whether a process has ended, also where its new parent has not yet taken notice (a zombie)."""
    try:
        return psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
