"""A client that is not the bottleneck: form bodies made of blocks that exist already, sent by a plain socket.

A body's first bytes are a WAV header, so that it is taken for a recording; each file carries a number, because the
same bytes twice in one request are refused.
"""

import itertools
import os
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

BLOCK = os.urandom(1024 * 1024)  # longer than the processor's nearer caches, and no zeros for anything to be clever on
BOUNDARY = b"----clonepipe-bench"
ANSWER_S = 120.0
_serials = itertools.count()


@dataclass(frozen=True, slots=True)
class Order:
    """What one request carries, and how many are sent, by how many clients at once."""

    files: int
    file_bytes: int
    clients: int = 1
    requests: int = 1  # of each client, one after the other

    @property
    def total_bytes(self) -> int:
        return self.files * self.file_bytes * self.clients * self.requests

    @property
    def title(self) -> str:
        return f"{self.files} x {self.file_bytes / 1e6:g} MB, {self.clients} at a time"


def recording(size_bytes: int) -> Iterator[bytes | memoryview]:
    """Yield the blocks of one file that is like no other of this process."""
    data_bytes = size_bytes - 44
    head = (
        b"RIFF"
        + struct.pack("<I", size_bytes - 8)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 48_000, 96_000, 2, 16)
    )
    head += b"data" + struct.pack("<I", data_bytes) + struct.pack("<Q", next(_serials))
    yield head
    left = size_bytes - len(head)
    block = memoryview(BLOCK)
    while left > 0:
        yield block[:left]
        left -= min(left, len(block))


def save(path: Path, size_bytes: int) -> Path:
    """Write such a file; return its path."""
    with path.open("wb") as file:
        file.writelines(recording(size_bytes))
    return path


def send_all(port: int, target: str, key: str, order: Order) -> None:
    """Send an order's requests and read their answers; each client connects anew for each request."""
    with ThreadPoolExecutor(order.clients) as clients:
        for sent in [clients.submit(_send_some, port, target, key, order) for _ in range(order.clients)]:
            sent.result()


def _send_some(port: int, target: str, key: str, order: Order) -> None:
    for _ in range(order.requests):
        send(port, target, key, [recording(order.file_bytes) for _ in range(order.files)], order.file_bytes)


def send(port: int, target: str, key: str, files: list[Iterator[bytes | memoryview]], file_bytes: int) -> bytes:
    """Send one form; return the answer's body. Raises: RuntimeError: when the answer is no success."""
    field = b'--%s\r\nContent-Disposition: form-data; name="name"\r\n\r\nBench\r\n' % BOUNDARY
    heads = [
        b'--%s\r\nContent-Disposition: form-data; name="files"; filename="%d.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        % (BOUNDARY, number)
        for number in range(len(files))
    ]
    end = b"--%s--\r\n" % BOUNDARY
    length = len(field) + sum(map(len, heads)) + len(files) * (file_bytes + 2) + len(end)
    request = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {key}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", port), ANSWER_S) as wire:
        wire.sendall(request + field)
        for head, blocks in zip(heads, files, strict=True):
            wire.sendall(head)
            for block in blocks:
                wire.sendall(block)
            wire.sendall(b"\r\n")
        wire.sendall(end)
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    if answer.split(b" ", 2)[1:2] not in ([b"200"], [b"201"]):
        raise RuntimeError(f"the upload was refused: {answer[:600].decode(errors='replace')}")
    return answer.partition(b"\r\n\r\n")[2]
