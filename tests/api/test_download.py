"""A recording as an answer: memory stays one block, and what goes wrong on the way ends the answer and the reading."""

import socket
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from typing_extensions import override

from api.download import Download, Recording, attachment, wanted_range
from shared.errors import RangeNotSatisfiable, StorageUnavailable
from shared.storage.folder import FolderStorage
from shared.storage.protocol import READ_BYTES, put_file
from tests.processes import until
from tests.servers import serving

MIB = 1024 * 1024
SIZE = 40 * MIB


class Watched(FolderStorage):
    """A real folder that notes its reading, and may break in the middle of it as a disk does."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read_bytes = 0
        self.open_readings = 0
        self.breaks_after_bytes = 2 * SIZE
        self.lost_bytes = 0

    @override
    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        self.open_readings += 1
        try:
            for block in super().read(key, start, None if length is None else length - self.lost_bytes):
                self.read_bytes += len(block)
                if self.read_bytes > self.breaks_after_bytes:
                    raise StorageUnavailable
                yield block
        finally:
            self.open_readings -= 1


@pytest.fixture
def storage(tmp_path: Path) -> Watched:
    storage = Watched(tmp_path / "storage")
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(SIZE)
    put_file(storage, "a/large", large)
    return storage


@contextmanager
def served(storage: Watched, size_bytes: int = SIZE) -> Iterator[int]:
    app = FastAPI()

    @app.get("/")
    def download(request: Request) -> Download:
        return Download(request, storage, Recording("a/large", "large.wav", "audio/wav", size_bytes, "0" * 64))

    with serving(app) as port:
        yield port


def test_memory_does_not_grow_with_the_recording(storage: Watched) -> None:
    with served(storage) as port, httpx.Client(trust_env=False) as client:
        client.get(f"http://127.0.0.1:{port}/", headers={"range": "bytes=0-9"})
        tracemalloc.start()
        with client.stream("GET", f"http://127.0.0.1:{port}/") as answer:
            received = sum(len(piece) for piece in answer.iter_raw())
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert received == SIZE
    assert peak_bytes < 12 * READ_BYTES


def test_a_client_that_leaves_ends_the_reading(storage: Watched) -> None:
    with served(storage) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        assert until(lambda: storage.open_readings == 0)
    assert storage.read_bytes < SIZE / 2


def test_a_slow_client_holds_back_the_reading(storage: Watched) -> None:
    with served(storage) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1000)
        before = -1
        while before != storage.read_bytes:  # what the kernel's buffers take
            before = storage.read_bytes
            time.sleep(0.3)
        assert storage.read_bytes < SIZE / 2


def test_a_storage_that_breaks_cuts_the_answer_short(storage: Watched) -> None:
    storage.breaks_after_bytes = 3 * MIB
    with served(storage) as port, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
    assert storage.open_readings == 0


def test_an_object_that_shrinks_while_it_is_read_cuts_the_answer_short(storage: Watched) -> None:
    storage.lost_bytes = 1
    with served(storage) as port, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)


def test_nothing_is_read_where_nothing_is_sent(storage: Watched) -> None:
    with served(storage) as port:
        httpx.get(f"http://127.0.0.1:{port}/", headers={"if-none-match": f'"{"0" * 64}"'}, trust_env=False)
    assert storage.read_bytes == 0


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", None), ("bytes=0-4", (0, 5)), ("bytes=7-", (7, 3)), ("bytes=-4", (6, 4)), ("bytes=1-2,4-5", None)],
)
def test_one_range_is_understood(header: str, expected: tuple[int, int] | None) -> None:
    assert wanted_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=-0", "bytes=10-11"])
def test_a_range_behind_the_end_is_refused(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        wanted_range(header, 10)


def test_a_file_name_cannot_break_out_of_its_header() -> None:
    for name in ('a";\r\nx: y', "a\\b", "\u202ea.wav", "é" * 255):
        disposition = attachment(name)
        assert disposition.isascii()
        assert disposition.count('"') == 2
        assert not {"\r", "\n", "\\"} & set(disposition)


HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"bytes=0-{HUGE}", (0, 100)),
        (f"bytes=-{HUGE}", (0, 100)),
        (f"bytes=5-{'0' * 5000}7", (5, 3)),
        (f"bytes={HUGE}-", None),
        (f"bytes={HUGE}-{HUGE}", None),
        ("bytes=99999999999999999999999-", None),
    ],
)
def test_a_number_of_any_length_is_a_number(header: str, found: tuple[int, int] | None) -> None:
    if found is not None:
        assert wanted_range(header, 100) == found
        return
    with pytest.raises(RangeNotSatisfiable):
        wanted_range(header, 100)
