"""Requests whose head makes the rest of no use: refused in the envelope, before any operation, at every address."""

import json
import socket
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.framing import Framing
from api.intake.draining import BodyWatch
from tests.servers import serving


async def answer(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    app.add_middleware(Framing)
    app.add_middleware(BodyWatch)
    with serving(app) as found:
        yield found


def ask(port: int, *lines: str) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["GET / HTTP/1.1"], 400),
        (["GET /nowhere HTTP/1.1"], 400),
        (["GET / HTTP/1.1", "Host: a", "Host: b"], 400),
        (["GET / HTTP/1.1", "Host: a"], 200),
        (["GET / HTTP/1.1", "Host:"], 200),
        (["GET / HTTP/1.0"], 200),
    ],
)
def test_a_request_of_http_1_1_has_one_host(port: int, lines: list[str], status: int) -> None:
    found, body = ask(port, *lines)
    assert found == status
    if status == 400:
        assert json.loads(body)["code"] == "INVALID_REQUEST"
        assert "'Host'" in json.loads(body)["message"]


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br, gzip", "identity, gzip", "made-up"])
def test_a_packed_body_is_415_and_says_what_is_taken(port: int, encoding: str) -> None:
    refused = httpx.post(
        f"http://127.0.0.1:{port}/", content=b"x" * 1000, headers={"content-encoding": encoding}, trust_env=False
    )
    assert (refused.status_code, refused.json()["code"]) == (415, "CONTENT_ENCODING_UNSUPPORTED")
    assert refused.headers["accept-encoding"] == "identity"
    assert refused.json()["details"] == {"found": encoding}


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_a_plain_body_may_say_so(port: int, encoding: str) -> None:
    taken = httpx.post(
        f"http://127.0.0.1:{port}/", content=b"x" * 1000, headers={"content-encoding": encoding}, trust_env=False
    )
    assert (taken.status_code, taken.text) == (200, "1000")


@pytest.mark.parametrize("coding", ["gzip, chunked", "Deflate,chunked", "chunked, chunked"])
def test_a_body_that_is_packed_on_its_way_is_415(port: int, coding: str) -> None:
    status, body = ask(port, "POST / HTTP/1.1", "Host: a", f"Transfer-Encoding: {coding}", "", "5", "hello", "0", "")
    assert (status, json.loads(body)["code"]) in [(415, "CONTENT_ENCODING_UNSUPPORTED"), (400, "INVALID_REQUEST")]
    assert status == 415 or coding == "chunked, chunked"


@pytest.mark.parametrize("coding", ["chunked", "Chunked"])
def test_a_body_in_chunks_is_taken(port: int, coding: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        head = f"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: {coding}\r\n\r\n"
        connection.sendall(head.encode() + b"5\r\nhello\r\n0\r\n\r\n")
        assert connection.makefile("rb").read().endswith(b"\r\n\r\n5")
