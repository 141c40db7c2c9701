"""A request as a fake vendor reads it, and what it answers."""

import json
from dataclasses import dataclass, field
from typing import Any

from python_multipart.multipart import MultipartParser, parse_options_header


@dataclass(frozen=True, slots=True)
class Upload:
    """A file part as it arrived."""

    field: str
    filename: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A request as a fake reads it. `texts` are the text parts of a form by name, in order."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    texts: dict[str, list[str]] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)
    words: tuple[str, ...] = ()  # what the placeholders of the route matched

    def text(self, name: str) -> str | None:
        values = self.texts.get(name)
        return values[0] if values else None

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a fake answers; `body` goes as JSON unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, str]:
        if isinstance(self.body, bytes):
            return self.body, self.headers.get("content-type", "application/octet-stream")
        return json.dumps(self.body).encode(), "application/json"


def read_form(content_type: str, body: bytes) -> tuple[dict[str, list[str]], list[Upload]]:
    """Return the text parts and the files of a multipart body; of anything else, nothing."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        return {}, []
    parts: list[tuple[dict[str, str], bytearray]] = []
    name = bytearray()

    def begin() -> None:
        parts.append(({}, bytearray()))

    def header_name(data: bytes, start: int, end: int) -> None:
        name.extend(data[start:end])

    def header_value(data: bytes, start: int, end: int) -> None:
        key = name.decode().lower()
        parts[-1][0][key] = parts[-1][0].get(key, "") + data[start:end].decode()

    callbacks = {
        "on_part_begin": begin,
        "on_header_field": header_name,
        "on_header_value": header_value,
        "on_header_end": name.clear,
        "on_part_data": lambda data, start, end: parts[-1][1].extend(data[start:end]),
    }
    parser = MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type]
    parser.write(body)
    parser.finalize()
    texts: dict[str, list[str]] = {}
    uploads: list[Upload] = []
    for headers, content in parts:
        _, disposition = parse_options_header(headers.get("content-disposition", ""))
        field_name = disposition.get(b"name", b"").decode()
        if b"filename" in disposition:
            filename = disposition[b"filename"].decode()
            uploads.append(Upload(field_name, filename, headers.get("content-type", ""), bytes(content)))
        else:
            texts.setdefault(field_name, []).append(content.decode())
    return texts, uploads
