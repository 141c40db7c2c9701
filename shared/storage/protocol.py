"""What every storage can do. Synchronous: the API calls it from threads, the worker directly.

Keys are ours: relative, `/`-separated, `[a-z0-9._-]` in each segment; nothing a client sends becomes part of one.
No key is the beginning of another key's path (`a/b` and `a/b/c` cannot both be objects). A key that breaks the rule
is a bug of ours and raises ValueError. An object appears whole or not at all; of two writers of one key the last to
commit wins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

PART_BYTES = 5 * 1024 * 1024  # S3's smallest part that may be followed by another (Amazon S3 multipart limits, 2026-11)
READ_BYTES = 256 * 1024  # the most that one block of `read` carries: each reader of a recording holds one or two

_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[a-z0-9._-]{1,128}")
_MAX_KEY_CHARS = 512


def checked_key(key: str) -> str:
    """Return `key` if it keeps the rule for keys. Raises: ValueError."""
    if len(key) > _MAX_KEY_CHARS or not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise ValueError(f"not a storage key: {key[:80]!r}")
    return key


def checked_prefix(prefix: str) -> str:
    """Return `prefix` if it is a key followed by `/`. Raises: ValueError."""
    if not prefix.endswith("/"):
        raise ValueError(f"not a key prefix, it must end in '/': {prefix[:80]!r}")
    checked_key(prefix[:-1])
    return prefix


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it."""

    key: str
    size_bytes: int
    modified_at: datetime


class ObjectWriter(Protocol):
    """One object on its way in. Leaving the `with` block without `commit` leaves nothing behind.

    Methods are called from one thread at a time, not always the same one.
    """

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes, at most PART_BYTES of them, and exactly that many in all calls but the last.

        Returns when `data` may be reused. Raises: StorageUnavailable; ValueError for a part of another size.
        """

    def commit(self) -> None:
        """Make the object visible, durably. Raises: StorageUnavailable."""

    def abort(self) -> None:
        """Forget the object; harmless after `commit` or a second time."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Storage(Protocol):
    """A flat space of objects by key."""

    def create(self, key: str, content_type: str = "application/octet-stream") -> ObjectWriter:
        """Begin an object. Raises: StorageUnavailable."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the object's bytes from `start`, in blocks of at most READ_BYTES; nothing at or behind its end.

        Opens at the first block. Raises: SourceMissing, StorageUnavailable.
        """

    def fetch(self, key: str, folder: Path) -> Path:
        """Return a readable local file with the object's bytes: the object itself, or a copy made in `folder`.

        The caller must not write to it. Raises: SourceMissing, StorageUnavailable.
        """

    def stat(self, key: str) -> StoredObject | None:
        """Return what is known of an object, or None where there is none. Raises: StorageUnavailable."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error. Raises: StorageUnavailable."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose key begins with `prefix` (which ends in `/`), in key order.

        Raises: StorageUnavailable.
        """

    def sweep_unfinished(self, older_than_s: float) -> int:
        """Abort uploads that nobody finished and that are at least this old; return how many.

        The age counts from the beginning, or from the last write where the storage knows it.
        Raises: StorageUnavailable.
        """

    def check(self) -> None:
        """Raise StorageUnavailable unless the storage is there and answers; makes and leaves nothing."""


def put(storage: Storage, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
    """Store a small object whole. Raises: StorageUnavailable."""
    with storage.create(key, content_type) as writer:
        for start in range(0, len(data), PART_BYTES):
            writer.write(data[start : start + PART_BYTES])
        writer.commit()


def put_file(storage: Storage, key: str, path: Path, content_type: str = "application/octet-stream") -> int:
    """Store a local file; return its size in bytes. Raises: StorageUnavailable."""
    size_bytes = 0
    with path.open("rb") as source, storage.create(key, content_type) as writer:
        while data := source.read(PART_BYTES):
            writer.write(data)
            size_bytes += len(data)
        writer.commit()
    return size_bytes
