"""One uploaded file on its way to storage: counted, sniffed and hashed as it passes, never whole in memory.

Bytes are gathered into pooled part buffers on the event loop; threads hash and store them, one part at a time with one
more in the queue, so that receiving goes on while a part is stored. It must not trust what the client says of the
file: bytes decide its format and its size.
"""

import asyncio
import hashlib
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from anyio import to_thread

from api.intake.buffers import BufferPool
from shared import log, metrics
from shared.errors import EmptyFile, FileTooLarge, InvalidFileFormat, ServiceError
from shared.formats import SNIFF_BYTES, SUPPORTED_FORMATS, Container, sniff
from shared.settings import MIB
from shared.storage.protocol import ObjectWriter, Storage

MAX_WAITING: Final = 1  # parts that wait behind the one that is being stored
COUNTED_BYTES: Final = 64 * MIB  # of a file beyond its limit: they would be drained in any case
HEAD_BYTES: Final = 64 * 1024  # of each part, outside of the pool: who sends no more than this takes no buffer

_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A file that is whole in storage. `filename` is the client's, cleaned; `content_type` follows from the bytes."""

    filename: str
    content_type: str
    container: Container
    size_bytes: int
    sha256: str
    object_key: str


class RecordingWriter:
    """Takes one file's bytes. End it with `finish` or `abort`; after an error only `abort` may follow.

    A file beyond `max_bytes` is counted on and dropped for a while, so that its size can be told: the request's length
    says nothing of one file among several. `owner` is whose share of the buffers is used.
    """

    def __init__(
        self,
        storage: Storage,
        buffers: BufferPool,
        *,
        key: str,
        filename: str,
        max_bytes: int,
        owner: str | None = None,
    ) -> None:
        self.key = key
        self._filename = filename
        self.received_bytes = 0
        self._storage = storage
        self._buffers = buffers
        self._max_bytes = max_bytes
        self._owner = owner
        self._head = bytearray()  # the part's bytes until there are enough of them for a buffer
        self._buffer: bytearray | None = None
        self._filled_bytes = 0  # of the part, wherever they are
        self._container: Container | None = None
        self._sha256 = hashlib.sha256()
        self._object: ObjectWriter | None = None
        self._steps: deque[asyncio.Task[None]] = deque()
        self._turn = asyncio.Lock()
        self._broken = False
        self._commit_tried = False

    async def write(self, data: memoryview) -> None:
        """Take the next bytes; waits while storage is behind.

        Raises: FileTooLarge, InvalidFileFormat, StorageUnavailable.
        """
        self.received_bytes += len(data)
        metrics.UPLOADED.inc(len(data))
        if self.received_bytes > self._max_bytes + COUNTED_BYTES:
            raise self._too_large(f"more than {shown_mb(self._max_bytes + COUNTED_BYTES)} MB came already")
        if self.received_bytes > self._max_bytes:
            return
        while data:
            if self._buffer is None and self._filled_bytes + len(data) > HEAD_BYTES:
                await self._move_to_buffer()
            data = data[self._put(data) :]
            if self._container is None and self._filled_bytes >= SNIFF_BYTES:
                self._sniff()
            if self._buffer is not None and self._filled_bytes == len(self._buffer):
                await self._hand_over()

    async def finish(self) -> StoredRecording:
        """Store what is left and make the object visible.

        Raises: EmptyFile, FileTooLarge, InvalidFileFormat, StorageUnavailable.
        """
        if self.received_bytes == 0:
            raise EmptyFile(
                f"'{self._filename}' has no bytes. Record it again, or check that the export finished.",
                rejected_files=[self._filename],
            )
        if self.received_bytes > self._max_bytes:
            raise self._too_large(f"it has {shown_mb(self.received_bytes)} MB")
        if self._filled_bytes:
            if self._container is None:
                self._sniff()
            await self._hand_over()
        self._begin(self._commit)
        await self._settle(0)
        assert self._container is not None
        return StoredRecording(
            filename=self._filename,
            content_type=self._container.media_type,
            container=self._container,
            size_bytes=self.received_bytes,
            sha256=self._sha256.hexdigest(),
            object_key=self.key,
        )

    async def abort(self) -> None:
        """Leave nothing of this file, or a log line where storage does not let it. Call it shielded from cancelling."""
        self._broken = True
        if self._steps:
            await asyncio.wait(self._steps)
        while self._steps:
            self._steps.popleft().exception()  # told already, or about to be: asking keeps asyncio quiet
        if self._buffer is not None:
            buffer, self._buffer = self._buffer, None
            self._buffers.release(buffer)
        if self._object is not None:
            await to_thread.run_sync(self._forget, limiter=self._buffers.carriers)

    async def _move_to_buffer(self) -> None:
        buffer = await self._buffers.acquire(self._owner)
        buffer[: self._filled_bytes] = self._head
        self._buffer, self._head = buffer, bytearray()

    def _put(self, data: memoryview) -> int:
        """Take as much as there is room for; return how many bytes."""
        if self._buffer is None:
            self._head += data
            taken_bytes = len(data)
        else:
            taken_bytes = min(len(data), len(self._buffer) - self._filled_bytes)
            self._buffer[self._filled_bytes : self._filled_bytes + taken_bytes] = data[:taken_bytes]
        self._filled_bytes += taken_bytes
        return taken_bytes

    def _sniff(self) -> None:
        first = self._head if self._buffer is None else self._buffer
        self._container = sniff(bytes(first[: min(self._filled_bytes, SNIFF_BYTES)]))
        if self._container is None:
            raise InvalidFileFormat(
                f"'{self._filename}' is not in a format that can be read, whatever its name says. "
                f"Supported formats: {', '.join(SUPPORTED_FORMATS)}.",
                supported_formats=list(SUPPORTED_FORMATS),
                rejected_files=[self._filename],
            )

    async def _hand_over(self) -> None:
        """Give the part to a thread as soon as there is room in the queue."""
        await self._settle(MAX_WAITING)
        buffer, part, size_bytes = (
            self._buffer,
            self._head if self._buffer is None else self._buffer,
            self._filled_bytes,
        )
        self._buffer, self._head, self._filled_bytes = None, bytearray(), 0
        self._begin(partial(self._store, part, size_bytes), buffer)

    async def _settle(self, most: int) -> None:
        """Wait until at most so many steps are under way. Raises what a finished one raised."""
        while len(self._steps) > most:
            # Not awaited itself: a request that is cancelled must not cancel a thread that still reads the buffer.
            await asyncio.wait([self._steps[0]])
            self._steps.popleft().result()

    def _begin(self, work: Callable[[], None], buffer: bytearray | None = None) -> None:
        self._steps.append(asyncio.create_task(self._carry(work, buffer)))

    async def _carry(self, work: Callable[[], None], buffer: bytearray | None) -> None:
        try:
            async with self._turn:
                if not self._broken:
                    await to_thread.run_sync(work, limiter=self._buffers.carriers)
        except BaseException:
            self._broken = True
            raise
        finally:
            if buffer is not None:
                self._buffers.release(buffer)

    def _store(self, buffer: bytearray, size_bytes: int) -> None:
        if self._object is None:
            assert self._container is not None
            self._object = self._storage.create(self.key, self._container.media_type)
        part = memoryview(buffer)[:size_bytes]
        self._sha256.update(part)
        self._object.write(part)

    def _commit(self) -> None:
        assert self._object is not None
        self._commit_tried = True
        self._object.commit()

    def _forget(self) -> None:
        assert self._object is not None
        try:
            self._object.abort()
            if self._commit_tried:  # a commit whose answer was lost may have happened
                self._storage.delete(self.key)
        except ServiceError as error:
            _logger.warning("upload_left_behind", key=self.key, code=error.code)

    def _too_large(self, found: str) -> FileTooLarge:
        max_mb = shown_mb(self._max_bytes)
        return FileTooLarge(
            f"'{self._filename}' exceeds the limit of {max_mb} MB per file: {found}. "
            "Shorten it, or export it as FLAC or MP3.",
            max_size_mb=max_mb,
            rejected_files=[{"filename": self._filename, "size_mb": shown_mb(self.received_bytes)}],
        )


def shown_mb(size_bytes: int) -> float:
    """Return MiB rounded up to a tenth, so that a byte too many never shows as the limit itself."""
    tenths = math.ceil(size_bytes * 10 / MIB)
    return tenths // 10 if tenths % 10 == 0 else tenths / 10
