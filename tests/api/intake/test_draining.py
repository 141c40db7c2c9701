"""Refusals over real sockets: clients that write before they read see the answer, and nobody may send for ever."""

import json
import socket
import time
import urllib.error
import urllib.request

import pytest

from shared.formats import SNIFF_BYTES
from tests.api.intake.upload_app import QuickDraining, create_app
from tests.api.intake.uploads import body_of, files_below, wav
from tests.servers import serving

FIRST_BYTES = SNIFF_BYTES + 1000  # enough to tell what a file is not
TYPE = "multipart/form-data; boundary=XX"


@pytest.fixture
def port(tmp_path):
    with serving(create_app(tmp_path)) as port:
        yield port


@pytest.fixture
def quick_port(tmp_path):
    with serving(create_app(tmp_path, draining=QuickDraining)) as port:
        yield port


def head(length, *more):
    lines = ["POST /upload HTTP/1.1", "Host: x", f"Content-Type: {TYPE}", *more]
    lines += ["Transfer-Encoding: chunked"] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def read_answer(connection):
    """Read until the server closes: status, headers, body."""
    data = b""
    while piece := connection.recv(65_536):
        data += piece
    start, _, body = data.partition(b"\r\n\r\n")
    status, *lines = start.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def test_a_client_that_writes_blindly_sees_413_and_the_size_of_the_file_that_is_meant(port, tmp_path):
    # The rest is more than what a door without patience would read: many of those who send it read nothing before.
    body = body_of([("files", "long.wav", wav(60_000_000)), ("files", "longer.wav", wav(150_000_000))])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head(len(body)))
        connection.sendall(body)
        status, headers, answer = read_answer(connection)
    assert status == 413
    assert json.loads(answer) == {
        "code": "FILE_TOO_LARGE",
        "details": {"max_size_mb": 50, "rejected_files": [{"filename": "long.wav", "size_mb": 57.3}]},
    }
    assert headers["connection"] == "close"
    assert headers["content-length"] == str(len(answer))
    assert headers["content-type"] == "application/json"
    assert headers["x-test"] == "1"
    assert files_below(tmp_path) == []


def test_urllib_sees_413(port):
    body = body_of([("files", "long.wav", wav(60_000_000))])
    request = urllib.request.Request(f"http://127.0.0.1:{port}/upload", body, {"Content-Type": TYPE})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    with refused.value as answer:
        assert answer.code == 413
        assert json.load(answer)["code"] == "FILE_TOO_LARGE"


def test_the_answer_is_there_before_the_client_is_done(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head(40_000_000))
        connection.sendall(body_of([("files", "a.txt", b"just text" * 2000)])[:FIRST_BYTES])
        assert connection.recv(12) == b"HTTP/1.1 400"
        connection.sendall(bytes(40_000_000 - FIRST_BYTES))
        assert b"INVALID_FILE_FORMAT" in connection.recv(65_536)


@pytest.mark.parametrize("length", [None, 10**12], ids=["chunked", "declared"])
def test_a_client_that_never_stops_sending_is_cut(quick_port, length):
    chunk = bytes(65_536) if length else b"10000\r\n" + bytes(65_536) + b"\r\n"
    sent = []
    with socket.create_connection(("127.0.0.1", quick_port), timeout=20) as connection:
        connection.sendall(head(length, "Authorization: nobody"))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_for_ever(connection, chunk, sent)
    assert len(sent) * len(chunk) < 64_000_000


def send_for_ever(connection, chunk, sent):
    began = time.monotonic()
    while time.monotonic() - began < 15:
        connection.sendall(chunk)
        sent.append(chunk)


def test_a_client_that_stops_in_the_middle_is_let_go_after_a_while(quick_port):
    with socket.create_connection(("127.0.0.1", quick_port), timeout=20) as connection:
        connection.sendall(head(10**9, "Authorization: nobody") + b"--XX")
        status, _, answer = read_answer(connection)
    assert status == 400
    assert b"MISSING_FIELD" in answer


def test_a_refusal_after_the_last_byte_waits_for_nothing_and_keeps_the_connection(port):
    body = body_of([("files", "a.wav", wav(100)), ("late", None, b"1")])
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        for _ in range(2):
            connection.sendall(head(len(body)) + body)
            answer = connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 400")
            assert b"connection: close" not in answer


def test_without_the_watch_a_refusal_after_the_last_byte_waits_a_moment_only(tmp_path):
    body = body_of([("files", "a.wav", wav(100)), ("late", None, b"1")])
    with (
        serving(create_app(tmp_path, watched=False, draining=QuickDraining)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
    ):
        connection.sendall(head(len(body)) + body)
        status, headers, _ = read_answer(connection)
    assert (status, headers["connection"]) == (400, "close")


def test_a_client_that_asks_before_sending_is_spared_the_body(port):
    with socket.create_connection(("127.0.0.1", port), timeout=4) as connection:
        connection.sendall(head(60_000_000, "Expect: 100-continue", "Authorization: nobody"))
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"MISSING_FIELD" in answer


def test_a_client_that_asks_before_sending_and_is_welcome_is_told_to_go_on(port):
    body = body_of([("files", "a.wav", wav(100))])
    with socket.create_connection(("127.0.0.1", port), timeout=4) as connection:
        connection.sendall(head(len(body), "Expect: 100-continue"))
        assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 201")


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(port, tmp_path):
    body = body_of([("files", "a.wav", wav(20_000_000))])
    with socket.create_connection(("127.0.0.1", port), timeout=4) as connection:
        connection.sendall(head(len(body)))
        connection.sendall(body[:12_000_000])
        until(lambda: files_below(tmp_path))
    until(lambda: not files_below(tmp_path))


def until(true):
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
