"""Requests that offer another protocol, and clients that end their side of the connection, at the socket."""

import re
import socket
import time
from collections.abc import Iterator

import pytest

from api.protocol import BoundedProtocol
from tests.api.wire import GET, HEAD, POST, Echo, dialled, envelope, read_all
from tests.processes import until
from tests.servers import serving


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def port(echo: Echo) -> Iterator[int]:
    with serving(echo.app) as found:
        yield found


OFFERS = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "h2c, last": b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n",
}
BODY = GET + b"\r\n"  # would be answered, if it were taken for a request
FRAMED = {
    "length": b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
}


@pytest.mark.parametrize("framed", FRAMED.values(), ids=FRAMED.keys())
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS.keys())
@pytest.mark.parametrize("method", [b"POST", b"GET", b"PATCH"])
@pytest.mark.parametrize("cuts", [(), (0,), (12,), (-30, 0)], ids=["whole", "head first", "in the body", "in the head"])
def test_an_offer_of_another_protocol_is_passed_over_and_the_body_is_a_body(
    port: int, method: bytes, offer: bytes, framed: bytes, cuts: tuple[int, ...]
) -> None:
    first = method + b" / HTTP/1.1\r\nHost: x\r\n" + offer + framed
    head_bytes = first.index(b"\r\n\r\n") + 4
    ends = [*(head_bytes + cut for cut in cuts), len(first)]
    with dialled(port) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in zip([0, *ends], ends, strict=False):
            connection.sendall(first[start:end])
            time.sleep(0.01)
        if b"close" not in offer:
            connection.sendall(GET + b"Connection: close\r\n\r\n")
        answers = re.findall(rb"HTTP/1.1 (\d{3}) [^\0]*?\r\n\r\n([^H]*)", read_all(connection))
    followed = [] if b"close" in offer else [(b"200", b"0")]
    taken = (b"405", b"Method Not Allowed") if method == b"PATCH" else (b"200", b"%d" % len(BODY))
    assert answers == [taken, *followed]


def test_requests_that_offer_another_protocol_are_answered_in_a_row(port: int) -> None:
    one = HEAD + OFFERS["h2c"] + FRAMED["length"]
    with dialled(port) as connection:
        connection.sendall(one * 5 + GET + OFFERS["websocket"] + b"\r\n" + GET + b"Connection: close\r\n\r\n")
        found = read_all(connection)
    assert re.findall(rb"\r\n\r\n(\d+)", found) == [b"%d" % len(BODY)] * 5 + [b"0", b"0"]


def test_a_tunnel_is_refused_and_nothing_behind_it_is_read(port: int) -> None:
    with dialled(port) as connection:
        connection.sendall(b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n" + GET + b"\r\n")
        answer = read_all(connection)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert envelope(answer)["code"] == "METHOD_UNKNOWN"


@pytest.mark.parametrize("takes_s", [0.0, 0.1], ids=["at once", "slowly"])
def test_who_ends_only_its_own_side_is_answered(port: int, echo: Echo, takes_s: float) -> None:
    echo.takes_s = takes_s
    with dialled(port) as connection:
        connection.sendall(POST + GET + b"\r\n")
        connection.shutdown(socket.SHUT_WR)
        found = read_all(connection)
    assert re.findall(rb"\r\n\r\n(\d+)", found) == [b"5", b"0"]
    assert echo.left == 0


def test_who_listens_for_long_is_sent_interim_answers(port: int, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "probe_s", 0.05)
    echo.takes_s = 0.5
    with dialled(port) as connection:
        connection.sendall(POST)
        connection.shutdown(socket.SHUT_WR)
        found = read_all(connection)
    assert found.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert found.count(b"HTTP/1.1 200 OK") == 1
    assert found.endswith(b"\r\n\r\n5")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_who_is_gone_altogether_is_found_out(
    port: int, echo: Echo, version: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "probe_s", 0.05)
    monkeypatch.setattr(BoundedProtocol, "unprobed_s", 0.1)
    echo.hears = True
    with dialled(port) as connection:
        connection.sendall(POST.replace(b"HTTP/1.1", b"HTTP/" + version))
    assert until(lambda: echo.left == 1)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (HEAD + b"Content-Length: 50\r\n\r\nhello", "MALFORMED_BODY"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "MALFORMED_BODY"),
        (GET + b"x: ", "INVALID_REQUEST"),
    ],
    ids=["length", "chunked", "head"],
)
def test_who_ends_its_side_too_early_is_told_so(port: int, sent: bytes, code: str) -> None:
    with dialled(port) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert envelope(read_all(connection))["code"] == code


@pytest.mark.parametrize("sent", [b"", b"\r\n", GET + b"\r\n\r\n"], ids=["nothing", "blank", "get"])
def test_who_ends_its_side_in_peace_is_told_nothing(port: int, sent: bytes) -> None:
    with dialled(port) as connection:
        connection.sendall(sent)
        time.sleep(0.05)
        connection.shutdown(socket.SHUT_WR)
        found = read_all(connection)
    assert re.findall(rb"HTTP/1.1 (\d{3}) ", found) == [b"200"] * sent.count(b"GET")


def test_a_head_that_stalls_is_told_408(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "max_head_s", 0.2)
    with dialled(port) as connection:
        connection.sendall(GET + b"x: ")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert envelope(answer)["code"] == "UPLOAD_TIMEOUT"
