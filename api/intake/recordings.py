"""A form with recordings, received whole or not at all: files to storage, text fields to the caller, limits enforced.

What can be refused while bytes still come is refused at once. On any refusal, cancellation or disconnect everything
that this request stored is deleted again. It must not know what the fields mean: `on_field` does.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import anyio
from anyio import to_thread

from api.intake.buffers import BufferPool
from api.intake.form import FormEvent, PartBegan, PartData, PartEnded, form_events
from api.intake.pace import PacedStream
from api.intake.writer import RecordingWriter, StoredRecording, shown_mb
from shared import log
from shared.errors import FileTooLarge, InvalidField, MissingField, ServiceError, TooManyFiles
from shared.settings import MIB
from shared.storage.protocol import Storage

__all__ = ["IntakeLimits", "ReceivedForm", "RecordingWriter", "StoredRecording", "receive_form"]

_FILE_TYPES: Final = ("audio/", "video/", "application/octet-stream")
_ROOM_BYTES: Final = 16 * MIB
_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What one request may bring. A rate of 0 waits for slow clients for ever."""

    max_files: int
    max_file_bytes: int
    max_fields: int
    max_field_bytes: int
    min_rate_bytes_s: int = 0
    rate_window_s: float = 30.0

    @property
    def max_body_bytes(self) -> int:
        """More than the largest form there can be: every file full, and room for all that is no file."""
        return self.max_files * self.max_file_bytes + _ROOM_BYTES


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """A form that was received whole. The values of a text field stand in the order in which they came."""

    fields: Mapping[str, tuple[str, ...]]
    recordings: tuple[StoredRecording, ...]
    _storage: Storage = field(repr=False, compare=False)
    _buffers: BufferPool = field(repr=False, compare=False)

    async def discard(self) -> None:
        """Delete the recordings, because a later check refuses them; goes through even when cancelled, never raises."""
        await _delete(self._storage, self._buffers, [recording.object_key for recording in self.recordings])


async def receive_form(
    stream: AsyncIterator[bytes],
    content_type_header: str | None,
    content_length: int | None,
    *,
    storage: Storage,
    buffers: BufferPool,
    limits: IntakeLimits,
    key_for: Callable[[int], str],
    file_field: str = "files",
    on_field: Callable[[str, str], None] | None = None,
    owner: str | None = None,
) -> ReceivedForm:
    """Receive a body; `key_for` names the object of the n-th file, `on_field` may refuse a text field as it completes.

    `owner` is whose share of the buffers is used.
    Raises: MalformedBody, InvalidField, MissingField, TooManyFiles, FileTooLarge, InvalidFileFormat, EmptyFile,
        UploadTimeout, StorageUnavailable; what `on_field` and `stream` raise.
    """
    if content_length is not None and content_length > limits.max_body_bytes:
        raise _body_too_large(content_length, limits)
    chunks = PacedStream(stream, min_rate_bytes_s=limits.min_rate_bytes_s, window_s=limits.rate_window_s)
    receiver = _Receiver(
        storage=storage,
        buffers=buffers,
        limits=limits,
        key_for=key_for,
        file_field=file_field,
        on_field=on_field,
        owner=owner,
    )
    try:
        async with aclosing(form_events(chunks, content_type_header, file_field)) as events:
            async for event in events:
                await receiver.take(event)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await receiver.abandon()
        raise
    if receiver.is_nothing_chosen and not receiver.recordings:
        raise MissingField(
            f"No file was chosen: '{file_field}' came without a file name and without bytes. Choose one or more "
            "recordings of the voice.",
            field=file_field,
        )
    fields = {name: tuple(values) for name, values in receiver.fields.items()}
    return ReceivedForm(fields, tuple(receiver.recordings), storage, buffers)


@dataclass(slots=True)
class _Text:
    """A text field on its way."""

    name: str
    value: bytearray = field(default_factory=bytearray)


@dataclass(slots=True, kw_only=True)
class _Receiver:
    """What one request has brought so far."""

    storage: Storage
    buffers: BufferPool
    limits: IntakeLimits
    key_for: Callable[[int], str]
    file_field: str
    on_field: Callable[[str, str], None] | None
    owner: str | None
    fields: dict[str, list[str]] = field(default_factory=dict)
    recordings: list[StoredRecording] = field(default_factory=list)
    file_count: int = 0
    field_count: int = 0
    is_unnamed: bool = False
    is_nothing_chosen: bool = False
    part: _Text | RecordingWriter | None = None

    async def take(self, event: FormEvent) -> None:
        match event, self.part:
            case PartData(data), RecordingWriter() as recording:
                await recording.write(data)
            case PartData(data), _Text() as text:
                self._extend(text, data)
            case PartBegan(), _:
                self.part = self._begin(event)
            case PartEnded(), RecordingWriter() as recording:
                await self._end_file(recording)
                self.part = None
            case PartEnded(), _Text() as text:
                self._end_text(text)
                self.part = None

    async def abandon(self) -> None:
        """Leave nothing in storage."""
        if isinstance(self.part, RecordingWriter):
            await self.part.abort()
        await _delete(self.storage, self.buffers, [recording.object_key for recording in self.recordings])

    def _begin(self, began: PartBegan) -> _Text | RecordingWriter:
        name = began.name.removesuffix("[]")
        if began.filename is not None or (name == self.file_field and _is_file_type(began.content_type)):
            return self._begin_file(name, began.filename or "")
        if name == self.file_field:
            raise InvalidField(
                f"'{name}' came as text. Send recordings as files, for instance: curl -F '{name}=@recording.wav'.",
                field=name,
            )
        self.field_count += 1
        if self.field_count > self.limits.max_fields:
            raise InvalidField(
                f"The form has more than {self.limits.max_fields} text fields; '{name}' is one too many.", field=name
            )
        return _Text(began.name)

    def _begin_file(self, name: str, filename: str) -> RecordingWriter:
        if name != self.file_field:
            raise InvalidField(
                f"The file '{filename}' came in the field '{name}'; send recordings in '{self.file_field}'.", field=name
            )
        index = self.file_count
        self.file_count += 1
        self.is_unnamed = not filename
        filename = filename or f"recording-{self.file_count}"
        if self.file_count > self.limits.max_files:
            raise TooManyFiles(
                f"One request may carry {self.limits.max_files} files; '{filename}' is one too many. "
                "Join recordings, or leave some out.",
                max_files=self.limits.max_files,
                rejected_files=[filename],
            )
        return RecordingWriter(
            self.storage,
            self.buffers,
            key=self.key_for(index),
            filename=filename,
            max_bytes=self.limits.max_file_bytes,
            owner=self.owner,
        )

    async def _end_file(self, recording: RecordingWriter) -> None:
        if recording.received_bytes == 0 and self.is_unnamed:
            self.file_count -= 1  # what browsers send for a file input that was left empty
            self.is_nothing_chosen = True
            return
        self.recordings.append(await recording.finish())

    def _extend(self, text: _Text, data: memoryview) -> None:
        if len(text.value) + len(data) > self.limits.max_field_bytes:
            raise InvalidField(
                f"'{text.name}' is longer than {self.limits.max_field_bytes} bytes.",
                field=text.name,
                limit=self.limits.max_field_bytes,
            )
        text.value += data

    def _end_text(self, text: _Text) -> None:
        try:
            value = text.value.decode()
        except UnicodeDecodeError as error:
            raise InvalidField(f"'{text.name}' is not UTF-8 text.", field=text.name) from error
        self.fields.setdefault(text.name, []).append(value)
        if self.on_field is not None:
            self.on_field(text.name, value)


def _body_too_large(found_bytes: int, limits: IntakeLimits) -> FileTooLarge:
    max_file_mb = shown_mb(limits.max_file_bytes)
    return FileTooLarge(
        f"The request announces {shown_mb(found_bytes)} MB; at most {shown_mb(limits.max_body_bytes)} MB are read: "
        f"{limits.max_files} files of {max_file_mb} MB each, and their form. Send fewer or shorter recordings.",
        max_size_mb=max_file_mb,
        rejected_files=[],
    )


def _is_file_type(content_type: str | None) -> bool:
    return content_type is not None and content_type.lower().startswith(_FILE_TYPES)


async def _delete(storage: Storage, buffers: BufferPool, keys: Iterable[str]) -> None:
    with anyio.CancelScope(shield=True):
        await to_thread.run_sync(_delete_each, storage, list(keys), limiter=buffers.carriers)


def _delete_each(storage: Storage, keys: list[str]) -> None:
    for index, key in enumerate(keys):
        try:
            storage.delete(key)
        except ServiceError as error:  # the rest would fail in the same way, and slowly: the sweep finds them
            _logger.warning("uploads_left_behind", keys=keys[index:], code=error.code)
            return
