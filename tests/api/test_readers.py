"""Who asks for a sound and does not read it is cut off, and who reads slowly is not."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from api.readers import KIB, Reader
from tests.api.wire import GET, dialled, read_all
from tests.processes import until
from tests.servers import serving

BLOCK = bytes(256 * KIB)
BLOCKS = 200


class Fountain:
    """An application that sends more than any buffer holds, and counts who was sent all of it or left."""

    def __init__(self) -> None:
        self.done = 0

    async def serve(self, send: Any) -> None:
        length = str(len(BLOCK) * BLOCKS).encode()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
            for number in range(BLOCKS):
                await send({"type": "http.response.body", "body": BLOCK, "more_body": number < BLOCKS - 1})
        finally:
            self.done += 1


@pytest.fixture
def fountain(monkeypatch: pytest.MonkeyPatch) -> Fountain:
    monkeypatch.setattr(Reader, "look_every_s", 3.0)  # long enough that a busy machine lets the reader read meanwhile
    return Fountain()


@pytest.fixture
def port(fountain: Fountain) -> Iterator[int]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await fountain.serve(send)

    with serving(app) as found:
        yield found


def test_who_reads_nothing_is_cut_off(port: int, fountain: Fountain) -> None:
    with dialled(port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(GET + b"\r\n")
        assert until(lambda: fountain.done == 1, within_s=30)


def test_who_reads_slowly_but_steadily_gets_all(port: int, fountain: Fountain) -> None:
    with dialled(port) as connection:
        connection.sendall(GET + b"Connection: close\r\n\r\n")
        read_bytes = 0
        while data := connection.recv(512 * KIB):
            read_bytes += len(data)
            until(lambda: False, within_s=0.1)  # several looks long in all
    assert read_bytes > len(BLOCK) * BLOCKS
    assert fountain.done == 1


def test_who_reads_at_once_is_never_looked_at(port: int, fountain: Fountain) -> None:
    with dialled(port) as connection:
        connection.sendall(GET + b"Connection: close\r\n\r\n")
        assert len(read_all(connection)) > len(BLOCK) * BLOCKS
