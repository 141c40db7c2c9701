"""Recordings as a person names them on a command line: names that are no UTF-8, and things that are no files.

The system hands over bytes, and a shell hands over pipes (`<(sox …)`); here both become what can be sent and shown.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shared.errors import FileTooLarge, SetupError
from shared.settings import MIB

_READ_BYTES: Final = 1024 * 1024


def readable(argument: str) -> str:
    """Return a word of the command line as text: what is not UTF-8 is read as Latin-1, as the API reads a form."""
    raw = os.fsencode(argument)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


@contextmanager
def regular_files(paths: Sequence[Path], most_bytes: int) -> Iterator[tuple[Path, ...]]:
    """Give files of a known size, in the same order; what comes through a pipe is kept in a temporary one meanwhile.

    Raises: SetupError: for a device, a socket, or what cannot be read; FileTooLarge: more than `most_bytes` came.
    """
    with tempfile.TemporaryDirectory(prefix="clonepipe-piped-") as folder:
        yield tuple(
            path if path.is_file() else _kept(path, Path(folder) / str(number), most_bytes)
            for number, path in enumerate(paths)
        )


def _kept(path: Path, folder: Path, most_bytes: int) -> Path:
    name = readable(path.name)
    if not path.is_fifo():
        raise SetupError(f"'{readable(str(path))}' is not a regular file, nor a pipe; there is no recording in it.")
    folder.mkdir()
    kept = folder / path.name  # what it is called is told along with it
    size_bytes = 0
    try:
        with path.open("rb") as source, kept.open("wb") as target:
            while block := source.read(_READ_BYTES):
                size_bytes += target.write(block)
                if size_bytes > most_bytes:
                    raise FileTooLarge(
                        f"More than {most_bytes // MIB} MB came through the pipe '{name}', the limit per file "
                        "(CLONEPIPE_MAX_FILE_MB). Shorten it, or send FLAC or MP3.",
                        rejected_files=[name],
                    )
    except OSError as error:
        raise SetupError(f"The pipe '{name}' cannot be read to its end: {error.strerror}.") from error
    return kept
