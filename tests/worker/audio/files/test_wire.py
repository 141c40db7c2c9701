import os
import socket
from collections.abc import Iterator

import pytest

from worker.audio.files.wire import (
    DecodeLimits,
    DecodeRequest,
    RequestReader,
    StopRequest,
    StreamInfo,
    read_fate,
    send_decode,
    send_stop,
    write_fate,
)

LIMITS = DecodeLimits(max_duration_s=10.0, memory_bytes=1000, cpu_s=3, wall_s=4.0)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_request_arrives_with_its_descriptors(ends: tuple[socket.socket, socket.socket]) -> None:
    read_fd, write_fd = os.pipe()
    told_fd, fate_fd = os.pipe()
    send_decode(ends[0], DecodeRequest(7, LIMITS, read_fd, write_fd, fate_fd))
    (request,) = RequestReader(ends[1]).receive()
    assert isinstance(request, DecodeRequest)
    assert (request.id, request.limits) == (7, LIMITS)
    os.write(request.sink_fd, b"x")
    assert os.read(request.source_fd, 1) == b"x"
    write_fate(request.fate_fd, -9)
    assert read_fate(told_fd, 1.0) == -9
    for fd in (read_fd, write_fd, told_fd, fate_fd, request.source_fd, request.sink_fd, request.fate_fd):
        os.close(fd)


def test_requests_that_arrive_together_are_told_apart(ends: tuple[socket.socket, socket.socket]) -> None:
    pipes = [os.pipe() for _ in range(2)]
    send_stop(ends[0], 1)
    for number, (read_fd, write_fd) in enumerate(pipes, 2):
        send_decode(ends[0], DecodeRequest(number, LIMITS, read_fd, write_fd, write_fd))
        send_stop(ends[0], number)
    reader = RequestReader(ends[1])
    seen: list[DecodeRequest | StopRequest] = []
    while len(seen) < 5:
        seen += list(reader.receive())
    assert [request.id for request in seen] == [1, 2, 2, 3, 3]
    assert [isinstance(request, StopRequest) for request in seen] == [True, False, True, False, True]
    for request in seen:
        if isinstance(request, DecodeRequest):
            for fd in (request.source_fd, request.sink_fd, request.fate_fd):
                os.close(fd)
    for pair in pipes:
        os.close(pair[0])
        os.close(pair[1])


def test_the_workers_death_is_an_end_of_file(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].close()
    with pytest.raises(EOFError):
        list(RequestReader(ends[1]).receive())


def test_a_fate_that_is_not_told_is_none_and_one_that_never_will_be_is_an_end_of_file() -> None:
    told_fd, fate_fd = os.pipe()
    assert read_fate(told_fd, 0.0) is None
    os.close(fate_fd)
    with pytest.raises(EOFError):
        read_fate(told_fd, 0.0)
    os.close(told_fd)


@pytest.mark.parametrize(("rate_hz", "channels"), [(7_999, 1), (192_001, 1), (16_000, 0), (16_000, 9)])
def test_a_stream_outside_of_what_is_taken_is_no_stream(rate_hz: int, channels: int) -> None:
    fields = {"format": "wav", "codec": "x", "rate_hz": rate_hz, "channels": channels, "header_duration_s": None}
    with pytest.raises(ValueError, match="impossible"):
        StreamInfo.from_json(fields)
