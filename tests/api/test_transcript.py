"""What the supervisor shows of its children's lines."""

import io
import os
import pty
import threading
from collections import deque

from api.transcript import LINE_BYTES, Transcript


def transcribe(said: bytes, stream: io.RawIOBase | None = None) -> tuple[bytes, list[str]]:
    shown = io.BytesIO()
    last_words: deque[str] = deque(maxlen=3)
    transcript = Transcript(["api", "worker"], stream or shown)
    transcript.follow("api", io.BytesIO(said), last_words).join(5)
    transcript.close(5)
    return shown.getvalue(), list(last_words)


def test_every_line_bears_the_name_of_who_said_it():
    assert transcribe(b"one\ntwo\r\nthree")[0] == b"api    | one\napi    | two\napi    | three\n"


def test_the_last_lines_are_kept():
    assert transcribe(b"1\n2\n3\n4\n")[1] == ["2", "3", "4"]


def test_bytes_that_are_no_text_pass_through():
    shown, last_words = transcribe(b"\xff\n")
    assert shown == b"api    | \xff\n"
    assert last_words == ["\N{REPLACEMENT CHARACTER}"]


def test_a_line_without_end_is_shown_in_pieces():
    shown, _ = transcribe(b"x" * (LINE_BYTES + 1))
    assert shown.count(b"api    | ") == 2


def test_names_are_coloured_on_a_terminal_and_only_there(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert b"\x1b[36mapi    |\x1b[0m one" in on_a_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert b"api    | one" in on_a_terminal()


def on_a_terminal() -> bytes:
    reader, writer = pty.openpty()
    with open(reader, "rb", buffering=0), open(writer, "wb", buffering=0) as terminal:
        transcribe(b"one\n", terminal)
        return os.read(reader, 4096)


def test_children_are_read_to_the_end_when_nobody_reads_us_any_more():
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb", buffering=0) as broken:
        assert transcribe(b"1\n2\n3\n4\n" * 1000, broken)[1] == ["2", "3", "4"]


def test_our_own_lines_are_dropped_and_not_waited_for_while_the_stream_is_stopped():
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as stopped:
        drain = threading.Thread(target=stopped.readall)
        with open(writer, "wb", buffering=0) as stream:
            transcript = Transcript(["up"], stream)
            speaker = threading.Thread(target=lambda: [transcript.say("up", "x" * 1000) for _ in range(5000)])
            speaker.start()
            speaker.join(5)
            assert not speaker.is_alive()
            drain.start()
            transcript.close(5)
        drain.join(5)


def test_blank_lines_are_not_shown():
    assert transcribe(b"\none\n \n")[0] == b"api    | one\n"
