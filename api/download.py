"""A stored recording as an answer: whole or one range of it (RFC 9110, section 14), read block by block from storage.

Memory is one block, whatever the length; a client that goes away ends the reading. It is always an attachment under
the type that we found out ourselves, never one that a browser might run. It must not know whose recording it is.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from api.head import is_head
from shared import log
from shared.errors import RangeNotSatisfiable, ServiceError, SourceMissing
from shared.storage.protocol import Storage

_ONE_RANGE: Final = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)
_NUMBER_DIGITS: Final = 19  # more than any recording has bytes; a longer number is as good as this much
_NOT_TOKEN: Final = re.compile(r'[^ !#$&+.\w^`|~()@,;=\[\]{}-]|["\\%]', re.ASCII)
_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Recording:
    """What is to be downloaded: an object in storage, what it is, and what the client shall call it."""

    key: str
    filename: str
    media_type: str
    size_bytes: int
    sha256: str

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


class Download(Response):
    """The answer to GET and HEAD of a recording: 200, 206 or 304. Several ranges at once are answered with the whole.

    Raises: RangeNotSatisfiable: from the constructor; SourceMissing, StorageUnavailable: before anything is sent.
    """

    def __init__(self, request: Request, storage: Storage, recording: Recording) -> None:
        super().__init__(headers={
            "etag": recording.etag,
            "accept-ranges": "bytes",
            "cache-control": "private, no-cache",  # a voice is personal: no shared cache keeps it
            "content-disposition": attachment(recording.filename),
            "x-content-type-options": "nosniff",
        })  # fmt: skip
        self._storage = storage
        self._recording = recording
        self._start, self._length = 0, recording.size_bytes
        known = request.headers.get("if-none-match", "")
        if known.strip() == "*" or recording.etag in known:
            self.status_code, self._length = 304, 0
            del self.headers["content-length"]
            return
        # RFC 9110, 14.2: ranges are defined for GET alone, and a range of another version would join two recordings.
        if not is_head(request.scope) and request.headers.get("if-range", recording.etag) == recording.etag:
            self._narrow(request.headers.get("range", ""))
        self.headers["content-type"] = recording.media_type
        self.headers["content-length"] = str(self._length)

    def _narrow(self, header: str) -> None:
        size_bytes = self._recording.size_bytes
        wanted = wanted_range(header, size_bytes)
        if wanted is None:
            return
        self._start, self._length = wanted
        self.status_code = 206
        self.headers["content-range"] = f"bytes {self._start}-{self._start + self._length - 1}/{size_bytes}"

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.status_code != 304:
            await run_in_threadpool(self._check)
        if is_head(scope) or not self._length:
            await self._begin(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        blocks = self._blocks()
        try:
            first = await run_in_threadpool(next, blocks)  # what cannot be read is still an answer in the envelope
            await self._begin(send)
            async with anyio.create_task_group() as group:
                group.start_soon(_until_gone, receive, group.cancel_scope)
                await self._send_all(first, blocks, send)
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(blocks.close)

    def _check(self) -> None:
        """See that the object is what it was: said now, it is an answer; later it is a connection that breaks off."""
        found = self._storage.stat(self._recording.key)
        if found is None:
            raise SourceMissing
        if found.size_bytes != self._recording.size_bytes:
            raise SourceMissing(
                f"The stored recording has {found.size_bytes} bytes; when it was uploaded it had "
                f"{self._recording.size_bytes}. Upload it again."
            )

    def _blocks(self) -> Generator[bytes, None, None]:
        left_bytes = self._length
        for block in self._storage.read(self._recording.key, self._start, self._length):
            left_bytes -= len(block)
            yield block
        if left_bytes:
            raise SourceMissing("A stored recording is shorter than it was when it was uploaded.")

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _send_all(self, block: bytes, rest: Iterator[bytes], send: Send) -> None:
        """Send every block. When one cannot be read the answer stays incomplete, and the server cuts the connection."""
        try:
            while block:
                await send({"type": "http.response.body", "body": block, "more_body": True})
                block = await run_in_threadpool(next, rest, b"")
        except ServiceError as error:
            _logger.warning("download_cut", code=error.code)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def wanted_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Return start and length of the one range that `header` asks for; None: it asks for none that we know.

    Raises: RangeNotSatisfiable: when it lies behind the end.
    """
    found = _ONE_RANGE.fullmatch(header)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(_place(found[2]), size_bytes)
        start = size_bytes - length
    else:
        start = _place(found[1])
        last = _place(found[2]) if found[2] else size_bytes - 1
        if found[2] and last < start:
            return None  # RFC 9110, 14.1.1: invalid, so it is as if it were not there
        length = min(last, size_bytes - 1) - start + 1
    if length <= 0:
        raise RangeNotSatisfiable(
            f"The recording has {size_bytes} bytes; the range '{header[:60]}' has none of them.", size_bytes=size_bytes
        )
    return start, length


def _place(digits: str) -> int:
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _NUMBER_DIGITS else 10**_NUMBER_DIGITS


def attachment(filename: str) -> str:
    """Return a Content-Disposition that saves under `filename` (RFC 6266), with a plain name for old clients."""
    plain = _NOT_TOKEN.sub("_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
