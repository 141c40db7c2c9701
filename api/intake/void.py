"""A storage that keeps nothing: where the recordings of a repeated request go, to be hashed and counted only."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.errors import SourceMissing
from shared.storage.protocol import StoredObject


class VoidWriter:
    """One object on its way to nowhere."""

    def write(self, data: bytes | memoryview) -> None:
        """Forget the bytes."""

    def commit(self) -> None:
        """Do nothing: there is nothing to show."""

    def abort(self) -> None:
        """Do nothing: there is nothing to forget."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class VoidStorage:
    """Takes everything and holds nothing."""

    def create(self, key: str, content_type: str = "application/octet-stream") -> VoidWriter:
        return VoidWriter()

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        raise SourceMissing

    def fetch(self, key: str, folder: Path) -> Path:
        raise SourceMissing

    def stat(self, key: str) -> StoredObject | None:
        return None

    def delete(self, key: str) -> None:
        """Do nothing: it is not there."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return iter(())

    def sweep_unfinished(self, older_than_s: float) -> int:
        return 0

    def check(self) -> None:
        """Do nothing: there is always room."""
