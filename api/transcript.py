"""What the supervised processes say: one stream, line by line, each with the name of who said it.

Children are read by one thread each; one more writes. So a terminal that is stopped (Ctrl-S) or a reader that hangs may
hold up a child's next line, as it would without us, but never the supervision.
"""

import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Sequence
from io import RawIOBase
from typing import IO, Final

LINE_BYTES: Final = 16 * 1024  # a longer line is shown as several
_BACKLOG: Final = 1000  # lines
_COLOURS: Final = (36, 32, 33, 35, 34, 31)  # ANSI foregrounds: cyan, green, yellow, magenta, blue, red

_Line = tuple[str, bytes]


class Transcript:
    """The one writer of the supervisor's standard output."""

    def __init__(self, names: Sequence[str], stream: RawIOBase | None = None) -> None:
        sys.stdout.flush()
        # Unbuffered: what a broken pipe refused must not be tried again when the interpreter exits.
        self._stream = stream or open(sys.stdout.fileno(), "wb", buffering=0, closefd=False)  # noqa: SIM115 (a descriptor, and not ours to close)
        width = max((len(name) for name in names), default=0)
        # NO_COLOR is everybody's convention (no-color.org), not a setting of ours.
        coloured = self._stream.isatty() and not os.environ.get("NO_COLOR")
        self._prefixes = {
            name: _prefix(name.ljust(width), _COLOURS[index % len(_COLOURS)] if coloured else None)
            for index, name in enumerate(names)
        }
        self._lines: queue.Queue[_Line | None] = queue.Queue(maxsize=_BACKLOG)
        self._writer = threading.Thread(target=self._write, name="transcript", daemon=True)
        self._writer.start()

    def say(self, name: str, text: str) -> None:
        """Add a line of our own; it is dropped rather than waited for where nobody reads the stream."""
        try:
            self._lines.put_nowait((name, text.encode()))
        except queue.Full:
            return

    def follow(
        self, name: str, pipe: IO[bytes], last_words: deque[str], hushed: tuple[str, ...] = ()
    ) -> threading.Thread:
        """Copy a child's lines to the stream and to `last_words`, from a thread that ends with the pipe.

        Blank lines and those that contain one of `hushed` go to `last_words` only.
        """
        reader = threading.Thread(
            target=self._read, args=(name, pipe, last_words, hushed), name=f"transcript-{name}", daemon=True
        )
        reader.start()
        return reader

    def close(self, timeout_s: float) -> None:
        """Write what is left, for at most `timeout_s`."""
        try:
            self._lines.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._writer.join(timeout_s)

    def _read(self, name: str, pipe: IO[bytes], last_words: deque[str], hushed: tuple[str, ...]) -> None:
        with pipe:
            while line := pipe.readline(LINE_BYTES):
                text = line.rstrip(b"\r\n")
                last_words.append(text.decode(errors="replace"))
                # A blank line is somebody's layout, which is broken by the name before it.
                if text.strip() and not any(word in last_words[-1] for word in hushed):
                    self._lines.put((name, text))

    def _write(self) -> None:
        is_open = True
        while (line := self._lines.get()) is not None:
            if not is_open:
                continue  # whoever read us is gone; the children must go on speaking without noticing
            name, text = line
            try:
                self._write_whole(self._prefixes[name] + text + b"\n")
            except OSError:
                is_open = False

    def _write_whole(self, line: bytes) -> None:
        while line:
            line = line[self._stream.write(line) or 0 :]


def _prefix(name: str, colour: int | None) -> bytes:
    return f"{name} | ".encode() if colour is None else f"\x1b[{colour}m{name} |\x1b[0m ".encode()
