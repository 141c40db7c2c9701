"""Recordings in a folder (`file://`): `objects/<key>` is visible, `unfinished/<random>` is on its way in.

An object is written beside the others, flushed to the disk and only then renamed into place, so that a reader, a crash
or a full disk never meets half of one. Both folders are on one file system, readable by their owner only: recordings
are personal data. A folder below `objects` goes with its last object, so whoever puts one there must be ready for it to
vanish. It must not follow a key out of its root, and its errors name no path.
"""

import os
import secrets
import stat as modes
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from typing_extensions import override

from shared.errors import SourceMissing, StorageUnavailable
from shared.storage.protocol import (
    PART_BYTES,
    READ_BYTES,
    ObjectWriter,
    Storage,
    StoredObject,
    checked_key,
    checked_prefix,
)

_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


_MARKER = ".clonepipe-storage"
_TRIES = 20  # to put an object into a folder that others keep removing; each needs a deletion within microseconds


class FolderStorage(Storage):
    """A storage in the folder `root`, which is made when it is prepared or when the first object comes."""

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._unfinished = root / "unfinished"
        self._marker = root / _MARKER
        self._is_prepared = False

    def prepare(self) -> None:
        """Make the folder and mark it as ours.

        From now on a folder without the mark is a disk that went away, not an empty storage: nothing in it is taken
        for deleted, and nothing new is put there. Raises: StorageUnavailable.
        """
        with _named("be made"):
            _make_folder(self._marker.parent)
            self._marker.touch(mode=0o600, exist_ok=True)
        self._is_prepared = True

    def _require_mark(self) -> None:
        if self._is_prepared and not self._marker.exists():
            raise StorageUnavailable("The storage folder is gone, or another one is in its place; bring it back.")

    @override
    def create(self, key: str, content_type: str = "application/octet-stream") -> ObjectWriter:
        target = self._objects / checked_key(key)
        self._require_mark()
        with _named("begin an upload"):
            _make_folder(self._unfinished)
            return FolderWriter(self._unfinished / secrets.token_hex(16), target)

    @override
    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        path = self._objects / checked_key(key)
        self._require_mark()
        with _named("read a recording", missing_is_error=True), path.open("rb", buffering=0) as source:
            source.seek(start)
            left = length
            while left is None or left > 0:
                block = source.read(READ_BYTES if left is None else min(left, READ_BYTES))
                if not block:
                    return
                yield block
                left = None if left is None else left - len(block)

    @override
    def fetch(self, key: str, folder: Path) -> Path:
        if self.stat(key) is None:
            raise SourceMissing
        return self._objects / key

    @override
    def stat(self, key: str) -> StoredObject | None:
        path = self._objects / checked_key(key)
        with _named("look up a recording"):
            try:
                return _stored(key, path.stat(follow_symlinks=False))
            except _NOT_THERE:
                self._require_mark()
                return None

    @override
    def delete(self, key: str) -> None:
        path = self._objects / checked_key(key)
        with _named("delete a recording"):
            if self.stat(key) is None:
                return
            path.unlink(missing_ok=True)
            self._remove_empty(path.parent)

    def _remove_empty(self, folder: Path) -> None:
        """Remove a folder that holds nothing, and those above it, but `objects`; flush the first that is left."""
        while folder != self._objects:
            try:
                folder.rmdir()
            except FileNotFoundError:  # another deletion was first
                pass
            except OSError:  # something is in it, which is no error
                break
            folder = folder.parent
        with suppress(FileNotFoundError):  # another deletion went on from here
            _flush_folder(folder)

    @override
    def list(self, prefix: str) -> Iterator[StoredObject]:
        with _named("list recordings"):
            yield from self._walk(checked_prefix(prefix))

    def _walk(self, prefix: str) -> Iterator[StoredObject]:
        try:
            with os.scandir(self._objects / prefix) as found:
                # A folder sorts as its name with the slash, which gives the order of whole keys: "a-b" before "a/b".
                names = sorted(entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in found)
        except _NOT_THERE:
            self._require_mark()
            return
        for name in names:
            if name.endswith("/"):
                yield from self._walk(prefix + name)
            elif (stored := self.stat(prefix + name)) is not None:
                yield stored

    @override
    def sweep_unfinished(self, older_than_s: float) -> int:
        swept = 0
        youngest_s = time.time() - older_than_s
        with _named("sweep unfinished uploads"), suppress(FileNotFoundError), os.scandir(self._unfinished) as found:
            for entry in found:
                with suppress(FileNotFoundError):  # finished, or swept by another relay, in this moment
                    if entry.stat(follow_symlinks=False).st_mtime <= youngest_s:
                        Path(entry.path).unlink()
                        swept += 1
        return swept

    @override
    def check(self) -> None:
        with self.create("check") as writer:
            writer.write(b"\0")


class FolderWriter(ObjectWriter):
    """One file on its way from `unfinished` to `objects`."""

    def __init__(self, path: Path, target: Path) -> None:
        self._path = path
        self._target = target
        self._last_part_came = False
        self._file: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    @override
    def write(self, data: bytes | memoryview) -> None:
        if self._file is None or self._last_part_came or len(data) > PART_BYTES:
            raise ValueError("a part behind the last one, or longer than PART_BYTES")
        self._last_part_came = len(data) < PART_BYTES
        with _named("write a recording"):
            left = memoryview(data)
            while left:
                left = left[os.write(self._file, left) :]

    @override
    def commit(self) -> None:
        if self._file is None:
            raise ValueError("the object was committed or aborted before")
        with _named("finish a recording"):
            os.fsync(self._file)
            self._close()
            self._put_in_place()
            with suppress(FileNotFoundError):  # deleted already, and its folder with it
                _flush_folder(self._target.parent)

    def _put_in_place(self) -> None:
        """Rename the file to its key; a folder on the way that a deletion removed meanwhile is made again."""
        for tries_left in reversed(range(_TRIES)):
            try:
                _make_folder(self._target.parent)
                self._path.replace(self._target)
            except FileNotFoundError:
                if not tries_left or not self._path.exists():
                    raise
            else:
                return

    @override
    def abort(self) -> None:
        with _named("abort an upload"):
            self._close()
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    @override
    def __enter__(self) -> Self:
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.abort()
        else:  # the error on its way matters more than the leftovers, which the sweep takes
            with suppress(StorageUnavailable):
                self.abort()


def _stored(key: str, found: os.stat_result) -> StoredObject | None:
    if not modes.S_ISREG(found.st_mode):
        return None
    return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _make_folder(folder: Path) -> None:
    """Make `folder` and those above it, each one's name flushed to the disk."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):  # not `exist_ok`, which looks again and raises where it has vanished since
        folder.mkdir(mode=0o700)
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def _named(action: str, *, missing_is_error: bool = False) -> Iterator[None]:
    """Turn what the system says into our words, without the path that it names."""
    try:
        yield
    except OSError as error:
        if missing_is_error and isinstance(error, _NOT_THERE):
            raise SourceMissing from error
        raise StorageUnavailable(f"The storage folder could not {action}: {error.strerror or 'I/O error'}.") from error
