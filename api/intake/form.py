"""The multipart form as a stream of typed events: a part begins, brings bytes, ends. Nothing is kept or decided here.

python-multipart finds the boundaries (RFC 2046, RFC 7578); this file adds what it leaves open: names as browsers and
curl write them, a body that stops early, and bounds on everything that is neither a field nor a file, so that no
preamble, padding, header or epilogue can go on for ever. What a client calls a file is cleaned here, once, and is
never more than something to show.
"""

import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartState, parse_options_header

from api.intake.preamble import Preamble
from shared.errors import MalformedBody

MAX_HEADERS: Final = 8  # of one part
MAX_HEADER_BYTES: Final = 4096
MAX_SILENT_BYTES: Final = 64 * 1024  # that may pass without any event; one part's headers are at most half of it
MAX_NAME_BYTES: Final = 255

_BIDI_AND_BREAKS = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_QUOTED = re.compile(rb'"(?:\\.|[^"\\])*"')
_EXTENDED = re.compile(rb";\s*filename\*\s*=\s*([\w-]+)'[\w-]*'([^;\s]*)", re.IGNORECASE)
_BROWSER_ESCAPES = ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n"))  # WHATWG HTML, multipart/form-data, 2026-11-20
_PLAIN_ENCODINGS = frozenset({b"", b"7bit", b"8bit", b"binary"})


@dataclass(frozen=True, slots=True)
class PartBegan:
    """A part's headers are complete. `filename` is None for a text field, "" for a file that has no name."""

    name: str
    filename: str | None
    content_type: str | None


@dataclass(frozen=True, slots=True)
class PartData:
    """Some of the part's bytes: a view of the chunk that came, to be copied before the next event is asked for."""

    data: memoryview


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part is complete."""


FormEvent = PartBegan | PartData | PartEnded


class FormParser:
    """Turns chunks of one body into events, the same ones however the body is cut.

    `file_field` is only for the advice. Raises: MalformedBody: from every method, when the body is not well-formed
    multipart/form-data.
    """

    def __init__(self, content_type_header: str | None, file_field: str = "files") -> None:
        self._events: list[FormEvent] = []
        self._headers: dict[bytes, bytes] = {}
        self._field = bytearray()
        self._value = bytearray()
        self._silent_bytes = 0
        boundary = _boundary(content_type_header, file_field)
        self._preamble = Preamble(boundary)
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_part,
                    "on_part_data": self._take_data,
                    "on_part_end": lambda: self._events.append(PartEnded()),
                },
                max_header_count=MAX_HEADERS,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise MalformedBody(f"The multipart boundary cannot be used: {error}.") from error

    def feed(self, chunk: bytes) -> list[FormEvent]:
        """Return the events that `chunk` brings."""
        rest = chunk if self._preamble.is_over else self._preamble.feed(chunk)
        try:
            self._parser.write(rest)
        except FormParserError as error:
            raise MalformedBody(f"The body is not well-formed multipart/form-data: {error}.") from error
        events, self._events = self._events, []
        self._silent_bytes = 0 if events else self._silent_bytes + len(chunk)
        if self._silent_bytes > MAX_SILENT_BYTES:
            raise MalformedBody("The multipart body has too many bytes outside of its fields and files.")
        return events

    def close(self) -> None:
        """Say that no more bytes come."""
        if not self._preamble.is_over:
            raise self._preamble.missing()
        if self._parser.state != MultipartState.END:
            raise MalformedBody(
                "The multipart body ends before its closing boundary: the upload was cut. Send it again."
            )

    def _end_header(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value).strip()
        self._field.clear()
        self._value.clear()

    def _begin_part(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        kind, options = parse_options_header(disposition)
        if kind != b"form-data" or b"name" not in options:
            raise MalformedBody("A part has no 'Content-Disposition: form-data' with a name.")
        if self._headers.get(b"content-transfer-encoding", b"").lower() not in _PLAIN_ENCODINGS:
            raise MalformedBody("A part is encoded with Content-Transfer-Encoding; send its bytes as they are.")
        content_type = self._headers.get(b"content-type")
        self._events.append(
            PartBegan(
                name=_clean(_text(_unescaped(options[b"name"]))),
                filename=_filename(disposition, options),
                content_type=None if content_type is None else content_type.decode("latin-1"),
            )
        )

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(PartData(memoryview(data)[start:end]))


async def form_events(
    chunks: AsyncIterator[bytes], content_type_header: str | None, file_field: str = "files"
) -> AsyncGenerator[FormEvent, None]:
    """Yield the events of a body that arrives in chunks. Raises: MalformedBody; whatever `chunks` raises."""
    parser = FormParser(content_type_header, file_field)
    async for chunk in chunks:
        for event in parser.feed(chunk):
            yield event
    parser.close()


def clean_filename(raw: str) -> str:
    """Return what may be shown and stored of a client's file name: no path, nothing invisible, MAX_NAME_BYTES."""
    name = _clean(re.split(r"[/\\]", raw)[-1])
    if name.strip(".") == "":
        return ""
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    tail = dot + extension if stem and len(extension.encode()) <= 16 else ""
    kept = (stem if tail else name).encode()[: MAX_NAME_BYTES - len(tail.encode())]
    return kept.decode(errors="ignore") + tail


def _boundary(content_type_header: str | None, file_field: str) -> bytes:
    try:
        kind, options = parse_options_header(content_type_header)
    except UnicodeEncodeError:
        kind, options = b"", {}
    if kind != b"multipart/form-data":
        raise MalformedBody(
            f"Send the recordings as multipart/form-data, for instance: curl -F '{file_field}=@recording.wav'."
        )
    if not options.get(b"boundary"):
        raise MalformedBody("The Content-Type names no boundary; let your HTTP client set this header by itself.")
    return options[b"boundary"]


def _filename(disposition: bytes, options: dict[bytes, bytes]) -> str | None:
    """Read `filename*` (RFC 5987, sent by some libraries) before `filename`."""
    extended = _EXTENDED.search(_QUOTED.sub(b'""', disposition))
    if extended:
        raw = unquote_to_bytes(extended[2])
        return clean_filename(raw.decode("latin-1") if extended[1].lower() == b"iso-8859-1" else _text(raw))
    if b"filename" not in options:
        return None
    return clean_filename(_text(_unescaped(options[b"filename"])))


def _unescaped(raw: bytes) -> bytes:
    for escape, byte in _BROWSER_ESCAPES:
        raw = raw.replace(escape, byte).replace(escape.lower(), byte)
    return raw


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:  # what curl sends from a terminal that is not UTF-8
        return raw.decode("latin-1")


def _clean(raw: str) -> str:
    visible = "".join(_visible(raw))
    return unicodedata.normalize("NFC", visible).strip()


def _visible(raw: str) -> Iterator[str]:
    for character in _BIDI_AND_BREAKS.sub("", raw):
        if unicodedata.category(character) not in ("Cc", "Cs"):
            yield character
