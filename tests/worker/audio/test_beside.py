import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from worker.audio.beside import ahead


def test_everything_comes_in_its_order() -> None:
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead([])) == []


def test_the_next_is_made_while_one_is_used() -> None:
    begun = [threading.Event() for _ in range(3)]

    def items() -> Iterator[int]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    found = ahead(items())
    assert next(found) == 0
    assert begun[1].wait(10.0)
    assert list(found) == [1, 2]


def test_what_goes_wrong_there_goes_wrong_here() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("full")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(OSError, match="full"):
        next(found)


def test_no_thread_is_left_when_it_is_closed() -> None:
    before = threading.active_count()
    with closing(ahead(iter(range(100)))) as found:
        next(found)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
