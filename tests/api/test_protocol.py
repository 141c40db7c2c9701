"""The bounds on a request's head, at the socket: how long it is, how long it takes, and what is no request at all."""

import json
import re
import time
from collections.abc import Iterator

import httpx
import pytest

from api.protocol import BoundedProtocol
from tests.api.wire import GET, HEAD, POST, Echo, dialled, envelope, flood, read_all
from tests.processes import until
from tests.servers import serving


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def port(echo: Echo) -> Iterator[int]:
    with serving(echo.app) as found:
        yield found


@pytest.mark.parametrize(
    "begun", [b"GET /", GET + b"x: ", b"\r\n" * 10, GET + b"x: 1\r\n" * 5], ids=["path", "value", "blank", "headers"]
)
def test_a_head_past_64_kib_is_431_in_the_envelope(port: int, begun: bytes) -> None:
    with dialled(port) as connection:
        piece = b"\r\n" if begun.startswith(b"\r\n") else b"a"
        connection.sendall(begun + piece * (70_000 // len(piece)))
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"connection: close" in answer.lower()
    assert envelope(answer)["code"] == "HEADERS_TOO_LARGE"
    assert envelope(answer)["details"] == {"limit": 65_536}


def test_many_headers_are_one_head(port: int) -> None:
    with dialled(port) as connection:
        connection.sendall(GET + b"".join(b"h%d: v\r\n" % number for number in range(10_000)) + b"\r\n")
        assert envelope(read_all(connection))["code"] == "HEADERS_TOO_LARGE"


def test_a_flood_is_not_swallowed(port: int) -> None:
    with dialled(port) as connection:
        connection.sendall(GET + b"x: ")
        assert flood(connection, b"a" * 1_000_000, 300_000_000) < 100_000_000


def test_a_head_below_the_bound_is_taken_with_a_body_of_any_size(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for _ in range(3):  # on one connection: each head has the whole bound
            answer = client.post("/", headers={"x": "a" * 60_000}, content=b"b" * 1_000_000)
            assert (answer.status_code, answer.text) == (200, "1000000")


@pytest.mark.parametrize("kind", [b"0\r\nx: ", b"5;x="], ids=["trailer", "extension"])
def test_what_stands_beside_a_chunked_body_is_bounded_too(port: int, echo: Echo, kind: bytes) -> None:
    with dialled(port) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + kind)
        time.sleep(0.05)
        assert flood(connection, b"a" * 1_000_000, 300_000_000) < 100_000_000
        assert until(lambda: echo.left == 1)


def test_requests_sent_in_a_row_are_answered_in_a_row(port: int) -> None:
    with dialled(port) as connection:
        connection.sendall((HEAD + b"Content-Length: 5\r\n\r\nhello") * 20 + GET + b"Connection: close\r\n\r\n")
        assert read_all(connection).count(b"HTTP/1.1 200 OK") == 21


def test_bytes_that_are_no_http_are_told_so_in_the_envelope(port: int) -> None:
    with dialled(port) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert envelope(answer)["code"] == "INVALID_REQUEST"


def test_a_broken_body_is_told_so_and_its_reader_is_let_go(port: int, echo: Echo) -> None:
    with dialled(port) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        time.sleep(0.05)
        connection.sendall(b"nonsense\r\n")
        assert envelope(read_all(connection))["code"] == "INVALID_REQUEST"
    assert until(lambda: echo.left == 1)


@pytest.mark.parametrize("takes_s", [0.0, 0.1], ids=["at once", "slowly"])
@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (GET + b"\r\nGARBAGE\r\n", [b"200", b"400"]),
        (POST + b"GARBAGE\r\n", [b"200", b"400"]),
        (POST + b" and more than was announced", [b"200", b"400"]),
        (HEAD + b"\r\n--x\r\nwithout a length", [b"200", b"400"]),
        (GET + b"\r\n" + POST + GET + b"\r\n\x16\x03\x01", [b"200", b"200", b"200", b"400"]),
        (GET + b"\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", [b"200", b"400"]),
        (GET + b"\r\n" + GET + b"x: " + b"a" * 140_000, [b"200", b"431"]),
        (GET + b"Connection: close\r\n\r\nGARBAGE\r\n", [b"200"]),
    ],
    ids=["get", "post", "length too small", "no length", "three", "half a second", "long second head", "last word"],
)
def test_what_came_before_bytes_that_are_no_http_is_answered_first(
    port: int, echo: Echo, sent: bytes, answers: list[bytes], takes_s: float
) -> None:
    echo.takes_s = takes_s
    with dialled(port) as connection:
        connection.sendall(sent)
        found = read_all(connection)
    assert re.findall(rb"HTTP/1.1 (\d{3}) ", found) == answers
    if answers[-1] != b"200":
        assert json.loads(found.rpartition(b"\r\n\r\n")[2])["code"] in ("INVALID_REQUEST", "HEADERS_TOO_LARGE")
    assert echo.left == 0


@pytest.mark.parametrize(
    "begun",
    [b"", GET, GET + b"Content-Length: 0\r\n\r\n" + GET],
    ids=["nothing", "half a head", "half of a second head"],
)
def test_a_head_that_is_not_whole_in_time_ends_the_connection(
    port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "max_head_s", 0.3)
    began_s = time.monotonic()
    with dialled(port) as connection:
        connection.sendall(begun)
        assert read_all(connection).count(b"HTTP/1.1 200 OK") == begun.count(b"\r\n\r\n")
    assert time.monotonic() - began_s < 4, "uvicorn's own patience is five seconds"


def test_line_ends_alone_do_not_keep_a_connection(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "max_head_s", 0.3)
    with dialled(port) as connection:
        connection.sendall(GET + b"\r\n")
        connection.recv(65_536)
        began_s = time.monotonic()
        while flood(connection, b"\r\n", 1):
            assert time.monotonic() - began_s < 5
            time.sleep(0.02)


def test_a_head_that_dribbles_is_not_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "max_head_s", 0.3)
    with dialled(port) as connection:
        connection.sendall(GET + b"x: ")
        began_s = time.monotonic()
        while flood(connection, b"a", 1):  # until the connection is gone
            assert time.monotonic() - began_s < 5
            time.sleep(0.02)


def test_a_body_may_take_longer_than_a_head(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "max_head_s", 0.1)
    with dialled(port) as connection:
        connection.sendall(HEAD + b"Content-Length: 6\r\nConnection: close\r\n\r\nabc")
        time.sleep(0.3)
        connection.sendall(b"def")
        assert read_all(connection).endswith(b"\r\n\r\n6")


def test_a_method_that_nobody_knows_is_501_in_the_envelope(port: int) -> None:
    for method in (b"FOO", b"get", b"BREW-IT"):
        with dialled(port) as connection:
            connection.sendall(method + b" /x?y=%20 HTTP/1.1\r\nHost: x\r\n\r\n")
            head, _, body = read_all(connection).partition(b"\r\n\r\n")
        told = json.loads(body)
        assert head.startswith(b"HTTP/1.1 501 ")
        assert (told["code"], method.decode() in told["message"]) == ("METHOD_UNKNOWN", True)
        assert told["requestId"].encode() in head


@pytest.mark.parametrize(
    "line", [b"FOO\r\n", b"FOO /", b"\x16\x03\x01\x02\0", b"SSH-2.0-OpenSSH_9\r\n", b"FOO / x\r\n"]
)
def test_what_is_no_request_line_is_400_whatever_its_first_word(port: int, line: bytes) -> None:
    with dialled(port) as connection:
        connection.sendall(line)
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")
