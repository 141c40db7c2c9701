import json
import os
from collections.abc import Iterator

import numpy as np
import pytest

from shared.errors import AudioTooLong, AudioUnreadable
from worker.audio.files.stream import ChildGone, DecodedStream
from worker.audio.files.wire import FRAME_HEAD, DecodeLimits, FrameKind, write_frame, write_json

HEADER = {"format": "wav", "codec": "pcm_s16le", "rate_hz": 16_000, "channels": 2, "header_duration_s": 1.0}


class Child:
    """The writing end of the pipe, played by the test."""

    def __init__(self) -> None:
        read_fd, self.fd = os.pipe()
        limits = DecodeLimits(max_duration_s=60.0, memory_bytes=0, wall_s=0.2)
        self.stream = DecodedStream(read_fd, filename="a.wav", limits=limits)

    def begin(self) -> None:
        write_json(self.fd, FrameKind.STARTED, {"pid": 1})
        write_json(self.fd, FrameKind.HEADER, HEADER)
        self.stream.await_child()
        self.stream.await_header()

    def end(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@pytest.fixture
def child() -> Iterator[Child]:
    played = Child()
    yield played
    played.end()
    played.stream.close()


def test_blocks_and_warnings_come_through(child: Child) -> None:
    child.begin()
    block = np.arange(8, dtype=np.float32).reshape(2, 4)
    write_frame(child.fd, FrameKind.BLOCK, block.data)
    write_json(child.fd, FrameKind.TRAILER, {"frames": 4, "warnings": ["truncated: a little"]})
    (received,) = list(child.stream)
    assert np.array_equal(received, block)
    assert (child.stream.frames, child.stream.warnings, child.stream.is_finished) == (4, ("truncated: a little",), True)


def test_an_end_without_a_trailer_is_a_dead_child(child: Child) -> None:
    child.begin()
    child.end()
    with pytest.raises(ChildGone):
        list(child.stream)


def test_a_silent_child_is_waited_for_no_longer_than_allowed(child: Child) -> None:
    child.begin()
    with pytest.raises(ChildGone):
        list(child.stream)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME_HEAD.pack(99, 0),
        FRAME_HEAD.pack(FrameKind.BLOCK, 2**31),
        FRAME_HEAD.pack(FrameKind.BLOCK, 0),
        FRAME_HEAD.pack(FrameKind.BLOCK, 12) + bytes(12),
        FRAME_HEAD.pack(FrameKind.TRAILER, 2**20),
        FRAME_HEAD.pack(FrameKind.TRAILER, 3) + b"{}}",
        FRAME_HEAD.pack(FrameKind.TRAILER, 2) + b"[]",
        FRAME_HEAD.pack(FrameKind.HEADER, 2) + b"{}",
    ],
)
def test_frames_that_make_no_sense_are_not_believed(child: Child, frame: bytes) -> None:
    child.begin()
    os.write(child.fd, frame)
    with pytest.raises(ChildGone):
        list(child.stream)


@pytest.mark.parametrize("change", [{"rate_hz": 0}, {"channels": 1000}, {"rate_hz": None}, {"rate_hz": "x"}])
def test_an_impossible_header_is_not_believed(child: Child, change: dict[str, object]) -> None:
    write_json(child.fd, FrameKind.STARTED, {"pid": 1})
    write_json(child.fd, FrameKind.HEADER, HEADER | change)
    child.stream.await_child()
    with pytest.raises(ChildGone):
        child.stream.await_header()


def test_a_refusal_becomes_an_error_that_names_the_file_and_the_reason(child: Child) -> None:
    child.begin()
    write_json(child.fd, FrameKind.ERROR, {"code": "unreadable", "reason": "it is a picture"})
    with pytest.raises(AudioUnreadable, match=r"a\.wav cannot be decoded: it is a picture\. Export it again") as caught:
        list(child.stream)
    assert caught.value.details == {"filename": "a.wav", "reason": "it is a picture"}


def test_a_passed_limit_becomes_an_error_with_limit_and_finding(child: Child) -> None:
    child.begin()
    write_json(child.fd, FrameKind.ERROR, {"code": "too_long", "reason": "", "header_duration_s": 7200.0})
    with pytest.raises(AudioTooLong, match="longer than 1 minutes") as caught:
        list(child.stream)
    assert json.loads(json.dumps(dict(caught.value.details))) == {
        "filename": "a.wav",
        "limit_s": 60.0,
        "found_s": 7200.0,
    }


def test_closing_twice_is_harmless(child: Child) -> None:
    child.stream.close()
    child.stream.close()
