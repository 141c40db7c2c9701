"""What a command line hands over: bytes that are no UTF-8, pipes, and things in which there is no recording."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from api.sources import readable, regular_files
from shared.errors import FileTooLarge, SetupError


@pytest.mark.parametrize(
    ("argument", "text"), [(b"Zo\xc3\xab", "Zoë"), (b"Zo\xeb", "Zoë"), (b"a.wav", "a.wav"), (b"\xff", "ÿ")]
)
def test_bytes_that_are_no_utf_8_are_read_as_latin_1(argument: bytes, text: str) -> None:
    assert readable(os.fsdecode(argument)) == text


@contextmanager
def piped(folder: Path, content: bytes) -> Iterator[Path]:
    path = folder / "voice.wav"
    os.mkfifo(path)

    def write() -> None:
        with suppress(BrokenPipeError):
            path.write_bytes(content)

    writer = threading.Thread(target=write)
    writer.start()
    yield path
    writer.join()


def test_what_comes_through_a_pipe_is_a_file_for_a_while(tmp_path: Path) -> None:
    plain = tmp_path / "plain.wav"
    plain.write_bytes(b"plain")
    with piped(tmp_path, b"x" * 3_000_000) as path:
        with regular_files([path, plain, path.parent / "plain.wav"], 4_000_000) as (kept, *others):
            assert (kept.name, kept.stat().st_size) == ("voice.wav", 3_000_000)
            assert others == [plain, plain]
        assert not kept.exists()


def test_a_pipe_brings_no_more_than_the_limit(tmp_path: Path) -> None:
    with (
        piped(tmp_path, b"x" * 5_000_000) as path,
        pytest.raises(FileTooLarge, match=r"'voice\.wav'"),
        regular_files([path], 2_000_000),
    ):
        raise AssertionError


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/"])
def test_a_device_is_no_recording(path: str) -> None:
    with pytest.raises(SetupError, match="not a regular file"), regular_files([Path(path)], 100):
        raise AssertionError
