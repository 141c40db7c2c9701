"""A lean client that asks without pause over some kept connections, in a process of its own.

    python -m tests.bench.poller PORT CLIENTS SECONDS < paths      prints one JSON object of figures

Every connection has one request under way; each asks for a path drawn uniformly from all of them. It understands just
enough HTTP/1.1: an answer has a content-length, and it is an error if one is not a 200.
"""

import asyncio
import json
import random
import re
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import cast

import uvloop
from typing_extensions import override

from tests.bench.service import KEY

PATIENCE_S = 20.0  # for the last answers
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Polled:
    """What one turn of polling found."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_s(self) -> float:
        return self.answers / self.seconds


class Connection(asyncio.Protocol):
    """One client: asks, waits for the whole answer, asks again."""

    def __init__(self, requests: list[bytes], seed: int, until_s: float) -> None:
        self._draw = random.Random(seed).choice
        self._requests = requests
        self._until_s = until_s
        self._came = b""
        self.took_s: list[float] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self._ask()

    def _ask(self) -> None:
        self._asked_s = time.perf_counter()
        self._transport.write(self._draw(self._requests))

    @override
    def data_received(self, data: bytes) -> None:
        self._came += data
        head, found, body = self._came.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            self._end(RuntimeError(f"a poll was refused: {self._came[:500]!r}"))
            return
        now_s = time.perf_counter()
        self.took_s.append(now_s - self._asked_s)
        self._came = b""
        if now_s < self._until_s:
            self._ask()
        else:
            self._end(None)

    @override
    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or RuntimeError("the server closed a connection"))

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
            self._transport.close()


async def poll(port: int, clients: int, seconds: float, paths: list[str]) -> Polled:
    """Poll for some seconds."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {KEY}\r\n\r\n".encode() for path in paths]
    loop = asyncio.get_running_loop()
    began_s = time.perf_counter()
    connections: list[Connection] = []
    for seed in range(clients):
        _, connection = await loop.create_connection(
            partial(Connection, requests, seed, began_s + seconds), "127.0.0.1", port
        )
        connections.append(connection)
    async with asyncio.timeout(seconds + PATIENCE_S):
        await asyncio.gather(*(connection.ended for connection in connections))
    took_s = time.perf_counter() - began_s
    all_s = sorted(one for connection in connections for one in connection.took_s)
    return Polled(len(all_s), took_s, at(all_s, 0.50) * 1000, at(all_s, 0.99) * 1000)


def at(ordered: list[float], share: float) -> float:
    """Return the smallest figure that at least this share of all is not above (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]


def main() -> None:
    """Poll as the command line says."""
    port, clients, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    polled = uvloop.run(poll(port, clients, seconds, sys.stdin.read().split()))
    sys.stdout.write(json.dumps(asdict(polled)))


if __name__ == "__main__":
    main()
