"""What the worker, the decoder host and its children say to each other. No decoding and no processes in here.

Requests go over a unix socket as JSON behind a four-byte length; a request to decode carries three descriptors: the
file, and the write ends of two pipes. The child answers through the first in frames: one byte of kind, four of length,
payload. The reader trusts no length and no field, for the writer has had untrusted bytes in its hands. The second is
the host's alone: four bytes that say how the child ended, or an end of file where the host itself did.
"""

import json
import math
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Final

MIN_RATE_HZ: Final = 8_000
MAX_RATE_HZ: Final = 192_000
MAX_CHANNELS: Final = 8
MAX_JSON_BYTES: Final = 64 * 1024
MAX_BLOCK_BYTES: Final = MAX_CHANNELS * MAX_RATE_HZ * 4  # one second of the widest sound that is taken
FRAME_HEAD: Final = struct.Struct("<BI")

_LENGTH: Final = struct.Struct("<I")
_FATE: Final = struct.Struct("<i")


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one decoding may cost.

    `cpu_s` is the child's own processor time. `wall_s` is the time the reader may spend waiting for the child, so a
    reader that is slow itself uses none of it. `memory_bytes` is what the child may add to what its libraries hold;
    only Linux enforces it.
    """

    max_duration_s: float
    memory_bytes: int
    cpu_s: int = 240
    wall_s: float = 300.0


class FrameKind(IntEnum):
    """The frames of one answer, in the order they come: STARTED, HEADER, BLOCK…, then TRAILER or ERROR."""

    STARTED = 1  # {"pid"}: the child lives
    HEADER = 2  # the fields of StreamInfo
    BLOCK = 3  # float32, shape (channels, frames), little-endian, one second or less
    TRAILER = 4  # {"frames", "warnings"}
    ERROR = 5  # {"code", "reason", "decoded_s", "header_duration_s"}


class ErrorCode:
    """Why a child gave up; the worker turns these into errors of the tree."""

    UNREADABLE: Final = "unreadable"
    TOO_LONG: Final = "too_long"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a sound file says of itself, as far as decoding confirmed it.

    `header_duration_s` is the header's claim, or None where it makes none; nothing may depend on it.
    """

    format: str
    codec: str
    rate_hz: int
    channels: int
    header_duration_s: float | None

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "StreamInfo":
        """Check what came over the wire. Raises: ValueError, KeyError, TypeError."""
        claimed = fields["header_duration_s"]
        info = cls(
            format=str(fields["format"])[:64],
            codec=str(fields["codec"])[:64],
            rate_hz=int(fields["rate_hz"]),
            channels=int(fields["channels"]),
            header_duration_s=None if claimed is None else float(claimed),
        )
        if not math.isfinite(info.header_duration_s or 0.0):
            raise ValueError(f"impossible duration: {claimed}")
        if not (MIN_RATE_HZ <= info.rate_hz <= MAX_RATE_HZ and 1 <= info.channels <= MAX_CHANNELS):
            raise ValueError(f"impossible stream: {info}")
        return info


def write_frame(fd: int, kind: FrameKind, payload: bytes | memoryview) -> None:
    """Write one frame whole. Raises: BrokenPipeError when the reader has gone."""
    view = memoryview(payload).cast("B")
    _write_all(fd, memoryview(FRAME_HEAD.pack(kind, len(view))))
    _write_all(fd, view)


def write_json(fd: int, kind: FrameKind, fields: Mapping[str, Any]) -> None:
    """Write one frame of JSON. Raises: BrokenPipeError when the reader has gone."""
    write_frame(fd, kind, json.dumps(fields).encode())


def _write_all(fd: int, view: memoryview) -> None:
    while view:
        view = view[os.write(fd, view) :]


def write_fate(fd: int, exit_code: int) -> None:
    """Tell how a child ended: its exit code, or the signal that ended it as a negative number.

    The pipe is empty before, so this never waits. Raises: BrokenPipeError when the reader has gone.
    """
    os.write(fd, _FATE.pack(exit_code))


def read_fate(fd: int, within_s: float) -> int | None:
    """Return how a child ended, or None if that is not told in time. Raises: EOFError when the host has gone."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if not poll.poll(within_s * 1000):
        return None
    told = os.read(fd, _FATE.size)
    if len(told) < _FATE.size:
        raise EOFError
    exit_code: int = _FATE.unpack(told)[0]
    return exit_code


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """Decode the file behind `source_fd` into the pipe behind `sink_fd`; say into `fate_fd` how the child ended."""

    id: int
    limits: DecodeLimits
    source_fd: int
    sink_fd: int
    fate_fd: int


@dataclass(frozen=True, slots=True)
class StopRequest:
    """End the child that serves this request, if it still lives."""

    id: int


def send_decode(channel: socket.socket, request: DecodeRequest) -> None:
    """Ask the host to decode; the descriptors are copied, the sender keeps its own. Raises: OSError."""
    body = json.dumps({"decode": request.id, "limits": asdict(request.limits)}).encode()
    fds = [request.source_fd, request.sink_fd, request.fate_fd]
    socket.send_fds(channel, [_LENGTH.pack(len(body)) + body], fds)


def send_stop(channel: socket.socket, request_id: int) -> None:
    """Ask the host to end a child. Raises: OSError."""
    body = json.dumps({"stop": request_id}).encode()
    channel.sendall(_LENGTH.pack(len(body)) + body)


class RequestReader:
    """The host's end of the socket. Bytes and descriptors arrive in the order they were sent, in pieces of any size."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._bytes = bytearray()
        self._fds: deque[int] = deque()

    def receive(self) -> Iterator[DecodeRequest | StopRequest]:
        """Take what has arrived and yield the requests that are complete. Raises: EOFError when the worker has gone."""
        data, fds, _flags, _address = socket.recv_fds(self._channel, MAX_JSON_BYTES, 64)
        self._fds.extend(fds)
        if not data:
            raise EOFError
        self._bytes += data
        while (request := self._next()) is not None:
            yield request

    def _next(self) -> DecodeRequest | StopRequest | None:
        if len(self._bytes) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._bytes)
        end = _LENGTH.size + length
        if len(self._bytes) < end:
            return None
        fields = json.loads(bytes(self._bytes[_LENGTH.size : end]))
        del self._bytes[:end]
        if "stop" in fields:
            return StopRequest(fields["stop"])
        limits = DecodeLimits(**fields["limits"])
        source_fd, sink_fd, fate_fd = (self._fds.popleft() for _ in range(3))
        return DecodeRequest(fields["decode"], limits, source_fd, sink_fd, fate_fd)
