"""A recording as it comes out of the decoder: what it is, then its blocks, then what went wrong on the way.

The worker's end of one pipe. It waits no longer than the limits allow and believes nothing that the frames say about
their own size. It must not start or end processes: what it cannot go on with it raises, and its owner tidies up.
"""

import json
import os
import select
import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from shared.errors import AudioTooLong, AudioUnreadable
from worker.audio.files.wire import (
    FRAME_HEAD,
    MAX_BLOCK_BYTES,
    MAX_JSON_BYTES,
    DecodeLimits,
    ErrorCode,
    FrameKind,
    StreamInfo,
)

START_S: Final = 20.0  # a fork takes milliseconds; a host that needs longer is frozen

Block = npt.NDArray[np.float32]


class ChildGone(Exception):
    """The pipe ended, or stayed silent for too long, before the answer was complete."""


class DecodedStream:
    """One recording, decoded while it is read; iterate it once. One thread at a time.

    Blocks are float32 of shape (channels, frames), each a second long but for the last; full scale is 1, and floats and
    lossy codecs may pass it up to 8. `warnings` is
    complete after the last block; each begins with a word and a colon (`truncated:`, `damaged:`, `changed:`).
    """

    def __init__(self, fd: int, *, filename: str, limits: DecodeLimits) -> None:
        self.filename = filename
        self.warnings: tuple[str, ...] = ()
        self.frames = 0
        self.child_pid: int | None = None
        self.is_finished = False
        self._fd = fd
        self._limits = limits
        self._patience_s = START_S
        self._info: StreamInfo | None = None

    @property
    def is_overdue(self) -> bool:
        """Whether the child has been waited for as long as is allowed."""
        return self._patience_s <= 0

    @property
    def info(self) -> StreamInfo:
        assert self._info is not None, "the stream has not been opened"
        return self._info

    def await_child(self) -> None:
        """Wait for the child's first word. Raises: ChildGone."""
        kind, payload = self._read_frame()
        if kind is not FrameKind.STARTED:
            raise ChildGone
        self.child_pid = int(_json(payload)["pid"])
        self._patience_s = self._limits.wall_s

    def await_header(self) -> None:
        """Wait until `info` is known. Raises: AudioUnreadable, AudioTooLong, ChildGone."""
        kind, payload = self._read_frame()
        if kind is FrameKind.ERROR:
            self._fail(_json(payload))
        if kind is not FrameKind.HEADER:
            raise ChildGone
        try:
            self._info = StreamInfo.from_json(_json(payload))
        except (KeyError, TypeError, ValueError) as error:
            raise ChildGone from error

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks. Raises: AudioUnreadable, AudioTooLong, ChildGone."""
        while not self.is_finished:
            kind, payload = self._read_frame()
            if kind is FrameKind.BLOCK:
                yield self._block(payload)
            elif kind is FrameKind.TRAILER:
                self.warnings = tuple(str(warning)[:300] for warning in _json(payload).get("warnings", ()))
                self.is_finished = True
            elif kind is FrameKind.ERROR:
                self._fail(_json(payload))
            else:
                raise ChildGone

    def close(self) -> None:
        """Close the pipe; a child that still writes into it ends by that."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _block(self, payload: memoryview) -> Block:
        if len(payload) == 0 or len(payload) % (4 * self.info.channels):
            raise ChildGone
        block = np.frombuffer(payload, "<f4").reshape(self.info.channels, -1)
        self.frames += block.shape[1]
        return block

    def _read_frame(self) -> tuple[FrameKind, memoryview]:
        code, length = FRAME_HEAD.unpack(self._read(FRAME_HEAD.size))
        try:
            kind = FrameKind(code)
        except ValueError as error:
            raise ChildGone from error
        if length > (MAX_BLOCK_BYTES if kind is FrameKind.BLOCK else MAX_JSON_BYTES):
            raise ChildGone
        return kind, self._read(length)

    def _read(self, length: int) -> memoryview:
        whole = np.empty(length, np.uint8).data  # not zeroed first, as a bytearray would be
        view = whole
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        while view:
            asked_at = time.monotonic()
            is_ready = poll.poll(max(self._patience_s, 0.0) * 1000)
            self._patience_s -= time.monotonic() - asked_at
            count = os.readv(self._fd, [view]) if is_ready else 0
            if count == 0:
                raise ChildGone
            view = view[count:]
        return whole

    def _fail(self, fields: dict[str, Any]) -> None:
        self.is_finished = True
        if fields.get("code") == ErrorCode.TOO_LONG:
            raise too_long(self.filename, self._limits.max_duration_s, fields.get("header_duration_s"))
        raise unreadable(self.filename, str(fields.get("reason"))[:300])


def unreadable(filename: str, reason: str) -> AudioUnreadable:
    """Return the error for a recording that cannot be decoded, `reason` in words that its owner understands."""
    advice = "Export it again as WAV, FLAC or MP3 and upload it anew."
    return AudioUnreadable(f"{filename} cannot be decoded: {reason}. {advice}", filename=filename, reason=reason)


def too_long(filename: str, limit_s: float, claimed_s: float | None) -> AudioTooLong:
    """Return the error for a recording that passed the limit while it was decoded."""
    claim = f" (its header says {claimed_s / 60:.1f} minutes)" if claimed_s and claimed_s > limit_s else ""
    return AudioTooLong(
        f"{filename} is longer than {limit_s / 60:g} minutes{claim}, which is the most that one recording may have. "
        "Cut it into shorter files, or keep only the part with the speaker.",
        filename=filename,
        limit_s=limit_s,
        found_s=claimed_s if claim else limit_s,
    )


def _json(payload: memoryview) -> dict[str, Any]:
    try:
        fields = json.loads(bytes(payload))
    except ValueError as error:
        raise ChildGone from error
    if not isinstance(fields, dict):
        raise ChildGone
    return fields
