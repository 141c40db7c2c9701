"""What proves whose voice it is: a short recording or a few documents, received into a folder and gone with it.

They are handed on to a vendor and kept nowhere. Bounds are enforced while bytes come; a file is written as it comes,
by threads, so that no request holds more than a piece of it in memory.
"""

import mimetypes
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from anyio import to_thread

from api.fields import shown
from api.intake.form import FormEvent, PartBegan, PartData, PartEnded, form_events
from api.intake.pace import PacedStream
from shared.errors import (
    EmptyFile,
    FileTooLarge,
    InvalidField,
    InvalidFileFormat,
    MalformedBody,
    MissingField,
    StorageUnavailable,
    TooManyFiles,
)
from shared.formats import SNIFF_BYTES, SUPPORTED_FORMATS, sniff
from shared.settings import MIB
from shared.vendors.protocol import SampleFile

MAX_FILE_BYTES: Final = 10 * MIB  # a minute of WAV, or a scanned passport
MAX_DOCUMENTS: Final = 5
EXTRA_TEXT_CHARS: Final = 2000
_PIECE_BYTES: Final = MIB
_ROOM_BYTES: Final = MIB
_WINDOW_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class ProofForm:
    """What a form may bring: files of one field, at most so many, and one text field or none."""

    file_field: str
    max_files: int
    text_field: str | None = None
    sound: bool = False  # the files must be sound in a format that can be read here


@dataclass(slots=True)
class Proofs:
    """What came, ready to be handed on. File names say nothing but a number and a kind."""

    files: list[SampleFile] = field(default_factory=list)
    text: str | None = None


async def receive_proofs(
    stream: AsyncIterator[bytes],
    content_type_header: str | None,
    form: ProofForm,
    folder: Path,
    *,
    min_rate_bytes_s: int,
) -> Proofs:
    """Receive a form into `folder`, whose owner removes it.

    Raises: MalformedBody, InvalidField, MissingField, TooManyFiles, FileTooLarge, EmptyFile, InvalidFileFormat,
        UploadTimeout, StorageUnavailable; what `stream` raises.
    """
    paced = PacedStream(stream, min_rate_bytes_s=min_rate_bytes_s, window_s=_WINDOW_S)
    desk = _Desk(form, folder)
    async with aclosing(form_events(paced, content_type_header, form.file_field)) as events:
        async for event in events:
            await desk.take(event)
            if paced.received_bytes > form.max_files * MAX_FILE_BYTES + _ROOM_BYTES:
                raise MalformedBody("The form brings more than files and text of the sizes that are taken here.")
    if not desk.proofs.files:
        raise MissingField(f"The field '{form.file_field}' is required, as a file.", field=form.file_field)
    return desk.proofs


@dataclass(slots=True)
class _Part:
    """A part on its way; `filename` is None for text, and `is_dropped` for a field that means nothing here."""

    name: str
    filename: str | None
    held: bytearray = field(default_factory=bytearray)
    size_bytes: int = 0
    head: bytes = b""
    is_dropped: bool = False


@dataclass(slots=True)
class _Desk:
    """What one request has brought so far."""

    form: ProofForm
    folder: Path
    proofs: Proofs = field(default_factory=Proofs)
    part: _Part | None = None

    async def take(self, event: FormEvent) -> None:
        match event:
            case PartBegan(name, filename, _):
                self.part = self._begin(name.removesuffix("[]"), filename)
            case PartData(data) if self.part is not None:
                await self._add(self.part, data)
            case PartEnded() if self.part is not None:
                await self._end(self.part)
                self.part = None

    def _begin(self, name: str, filename: str | None) -> _Part:
        form = self.form
        if filename is None and name == form.file_field:
            raise InvalidField(f"'{name}' came as text; send it as a file, like: curl -F '{name}=@file'.", field=name)
        if filename is None:
            return _Part(name, None, is_dropped=name != form.text_field)
        if name != form.file_field:
            raise InvalidField(
                f"A file came in the field '{shown(name)}'; send it in '{form.file_field}'.", field=shown(name)
            )
        if len(self.proofs.files) == form.max_files:
            raise TooManyFiles(
                f"'{form.file_field}' may come {form.max_files} time(s); '{filename}' is one too many.",
                max_files=form.max_files,
                rejected_files=[filename],
            )
        return _Part(name, filename or "file")

    async def _add(self, part: _Part, data: memoryview) -> None:
        part.size_bytes += len(data)
        if part.filename is None:
            if part.size_bytes > 4 * EXTRA_TEXT_CHARS and not part.is_dropped:
                raise self._too_long(part.name)
            part.held += b"" if part.is_dropped else data
            return
        if part.size_bytes > MAX_FILE_BYTES:
            raise FileTooLarge(
                f"'{part.filename}' exceeds the limit of {MAX_FILE_BYTES // MIB} MB for what is handed in as proof.",
                max_size_mb=MAX_FILE_BYTES // MIB,
                rejected_files=[{"filename": part.filename}],
            )
        part.held += data
        if len(part.held) >= _PIECE_BYTES:
            await self._write(part)

    async def _end(self, part: _Part) -> None:
        if part.filename is not None:
            await self._end_file(part, part.filename)
        elif not part.is_dropped:
            text = part.held.decode(errors="replace").strip()
            if len(text) > EXTRA_TEXT_CHARS:
                raise self._too_long(part.name)
            self.proofs.text = text or None

    async def _end_file(self, part: _Part, filename: str) -> None:
        if part.size_bytes == 0:
            raise EmptyFile(f"'{filename}' has no bytes.", rejected_files=[filename])
        await self._write(part)
        number = len(self.proofs.files) + 1
        suffix, content_type = self._kind(part, filename)
        named = f"{self.form.file_field}-{number}{suffix}"
        self.proofs.files.append(SampleFile(self._path(number), named, content_type, 0.0, cleaned=False))

    def _kind(self, part: _Part, filename: str) -> tuple[str, str]:
        """Return what a file is by its bytes where it must be sound, else by its name."""
        if not self.form.sound:
            suffix = Path(filename).suffix.lower()
            return suffix, mimetypes.guess_type(f"x{suffix}")[0] or "application/octet-stream"
        container = sniff(part.head)
        if container is None:
            raise InvalidFileFormat(
                f"'{filename}' is not in a format that can be read. Supported formats: {', '.join(SUPPORTED_FORMATS)}.",
                supported_formats=list(SUPPORTED_FORMATS),
                rejected_files=[filename],
            )
        return f".{container.value}", container.media_type

    async def _write(self, part: _Part) -> None:
        part.head = part.head or bytes(part.held[:SNIFF_BYTES])
        piece, part.held = part.held, bytearray()
        path = self._path(len(self.proofs.files) + 1)

        def append() -> None:
            with path.open("ab") as stream:
                stream.write(piece)

        try:
            await to_thread.run_sync(append)
        except OSError as error:
            raise StorageUnavailable(f"What was handed in cannot be kept for the moment: {error.strerror}.") from error

    def _path(self, number: int) -> Path:
        return self.folder / f"proof-{number}"

    def _too_long(self, name: str) -> InvalidField:
        return InvalidField(f"'{name}' may have at most {EXTRA_TEXT_CHARS} characters.", field=name)
