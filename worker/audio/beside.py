"""Work done beside other work, by a thread of its own, where both are few and long calls of libraries.

Those let go of the interpreter; many short calls of numpy do not profit, for two threads then wait for each other more
than they work (2026-11: measuring levels beside listening took 1.4 times as long as one after the other).
"""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Generator[Item]:
    """Yield what an iterable gives, in its order, each item while the next one is made.

    Close it, or go through it to its end, and its thread ends. Raises: what the iterable raises.
    """
    source = iter(items)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_next, source)
        while (found := coming.result()) is not None:
            coming = pool.submit(_next, source)
            yield found[0]


def _next(source: Iterator[Item]) -> tuple[Item] | None:
    for item in source:
        return (item,)
    return None
