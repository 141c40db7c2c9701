"""A connection of plain bytes to an application that says what reached it: what tests of the protocol stand on."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = HEAD + b"Content-Length: 5\r\n\r\nhello"


class Echo:
    """An application that answers with the number of bytes that came; notes who left before the end."""

    def __init__(self) -> None:
        self.left = 0
        self.takes_s = 0.0
        self.hears = False  # whether it waits for who asked to leave
        self.app = Starlette(routes=[Route("/", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: Request) -> Response:
        try:
            await asyncio.sleep(self.takes_s)
            size_bytes = len(await request.body())
            if self.hears and (await request.receive())["type"] == "http.disconnect":
                raise ClientDisconnect
            return PlainTextResponse(str(size_bytes))
        except ClientDisconnect:
            self.left += 1
            return Response(status_code=499)


@contextmanager
def dialled(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    found = bytearray()  # grown in place: copying all that came for each piece would starve the server beside it
    while True:
        try:
            data = connection.recv(65_536)
        except ConnectionResetError:
            return bytes(found)
        if not data:
            return bytes(found)
        found += data


def flood(connection: socket.socket, piece: bytes, most_bytes: int) -> int:
    """Send the piece again and again until the other side has had enough; return how much went out."""
    sent_bytes = 0
    try:
        while sent_bytes < most_bytes:
            connection.sendall(piece)
            sent_bytes += len(piece)
    except OSError:
        pass
    return sent_bytes


def envelope(answer: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert set(found) == {"error", "code", "message", "version", "timestamp", "requestId", "details"}
    return found
