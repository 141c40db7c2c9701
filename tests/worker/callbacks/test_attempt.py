"""One attempt against receivers that are well, down, slow, endless, rude, or gone."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.shared.webhooks.resolver import run, says
from tests.worker.callbacks.receivers import Call, Receiver, Script, answering, receiver
from worker.callbacks.attempt import Attempted, attempt, retry_after_s

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HEADERS = {"webhook-id": "msg_1", "content-type": "application/json"}
BODY = b'{"type":"voice_clone.ready"}'


def one(script: Script, *, deadline_s: float = 30.0) -> Attempted:
    """Make one attempt against a script."""

    async def go() -> Attempted:
        async with receiver(script) as to:
            return await attempt(to.url, HEADERS, BODY, allow_private=True, deadline_s=deadline_s)

    return run(go())


def said(answer: bytes, *, deadline_s: float = 30.0) -> Attempted:
    return one(answering(answer), deadline_s=deadline_s)


def test_a_delivery_arrives_as_it_was_given() -> None:
    noted = Receiver()

    async def go() -> Attempted:
        async with receiver(answering(OK, noted=noted)) as to:
            return await attempt(to.url + "?k=1", {**HEADERS, "Host": "evil"}, BODY, allow_private=True)

    found = run(go())
    assert found.is_success
    assert (found.status, found.failure, found.excerpt, found.retry_after_s) == (200, None, "hello", None)
    assert noted.bodies == [BODY]
    (head,) = noted.heads
    assert head.startswith(b"POST /hook?k=1 HTTP/1.1\r\n")
    assert b"webhook-id: msg_1\r\n" in head
    assert head.lower().count(b"\r\nhost: 127.0.0.1:") == 1
    assert b"evil" not in head


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        found = run(attempt(f"http://127.0.0.1:{held.getsockname()[1]}/", {}, b"", allow_private=True))
    assert (found.status, found.failure, found.is_success) == (None, "connect", False)


def test_a_name_that_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, {})
    found = run(attempt("https://nowhere.test/", {}, b"", allow_private=False))
    assert (found.failure, found.status) == ("dns", None)
    assert "nowhere.test" in found.detail


def test_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    release = says(monkeypatch, {"hangs.test": "hang"})
    try:
        assert run(attempt("https://hangs.test/", {}, b"", allow_private=False, deadline_s=0.05)).failure == "timeout"
    finally:
        release.set()


@pytest.mark.parametrize("url", ["http://example.com/", "http://127.0.0.1:1/", "https://127.0.0.1/", "https://[::1]/"])
def test_http_and_private_addresses_are_refused_unless_allowed(url: str) -> None:
    found = run(attempt(url, {}, b"", allow_private=False))
    assert (found.failure, found.status) == ("refused_address", None)


async def _says_nothing(call: Call) -> None:
    await call.request()
    await call.reader.read()


def test_a_receiver_that_accepts_and_says_nothing() -> None:
    found = one(_says_nothing, deadline_s=0.2)
    assert (found.failure, found.status) == ("timeout", None)
    assert "0.2 s" in found.detail


def test_interim_answers_without_end_are_ended() -> None:
    async def script(call: Call) -> None:
        await call.request()
        while True:
            await call.say(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    assert one(script).failure == "protocol"


def test_a_head_that_trickles_ends_with_the_deadline() -> None:
    async def script(call: Call) -> None:
        await call.request()
        await call.say(b"HTTP/1.1 200 OK\r\n")
        while True:
            await call.say(b"x-a: b\r\n")
            await asyncio.sleep(0.01)

    found = one(script, deadline_s=0.2)
    assert (found.failure, found.status) == ("timeout", None)


@pytest.mark.parametrize(("status", "failure"), [(b"200 OK", None), (b"500 Oh", "status")])
def test_a_body_that_trickles_decides_nothing(status: bytes, failure: str | None) -> None:
    async def script(call: Call) -> None:
        await call.request()
        await call.say(b"HTTP/1.1 " + status + b"\r\nContent-Length: 100\r\n\r\nbegun")
        while True:
            await call.say(b".")
            await asyncio.sleep(0.05)

    found = one(script, deadline_s=0.3)
    assert found.failure == failure
    assert found.excerpt.startswith("begun")


def test_an_answer_without_end_is_left_after_its_beginning() -> None:
    async def script(call: Call) -> None:
        await call.request()
        await call.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await call.say(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    found = one(script)
    assert found.is_success
    assert found.excerpt == "x" * 1024


def test_a_huge_head_is_not_taken() -> None:
    found = said(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 400_000 + b"\r\n\r\n")
    assert (found.failure, found.status) == ("protocol", None)


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    noted = Receiver()

    async def go() -> tuple[Attempted, int]:
        async with receiver(answering(OK, noted=noted)) as other:
            location = other.url if status != 301 else "http://169.254.169.254/latest/meta-data/"
            answer = f"HTTP/1.1 {status} There\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
            async with receiver(answering(answer)) as to:
                return await attempt(to.url, HEADERS, BODY, allow_private=True), other.connections

    found, followed = run(go())
    assert (found.failure, found.status, followed) == ("redirect", status, 0)
    assert "169.254" not in found.detail


def test_gone_and_other_statuses() -> None:
    gone = said(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
    assert (gone.is_gone, gone.is_success, gone.failure) == (True, False, "status")
    down = said(b"HTTP/1.1 503 Down\r\nContent-Length: 4\r\n\r\nbusy")
    assert (down.is_gone, down.failure, down.excerpt, down.retry_after_s) == (False, "status", "busy", None)
    assert said(b"HTTP/1.1 204 No Content\r\n\r\n").is_success
    assert said(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").failure == "protocol"


def test_both_forms_of_retry_after() -> None:
    in_s = said(b"HTTP/1.1 429 Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n")
    assert (in_s.failure, in_s.retry_after_s) == ("status", 120.0)
    date = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    at = said(f"HTTP/1.1 429 Slow\r\nretry-after: {date}\r\nContent-Length: 0\r\n\r\n".encode())
    assert at.retry_after_s is not None
    assert 3600 < at.retry_after_s <= 7200


@pytest.mark.parametrize(
    ("said_", "wait_s"),
    [
        ("0", 0.0), ("99999999", 86400.0), ("9" * 5000, 86400.0), ("", None), ("soon", None), ("-5", None),
        ("1.5", None),
        ("Fri, 01 Jan 1999 00:00:00 GMT", 0.0), ("Fri, 01 Jan 2999 00:00:00 GMT", 86400.0),
        ("Fri, 99 Jan 2999 00:00:00 GMT", None), ("²", None),
    ],
)  # fmt: skip
def test_what_a_retry_after_asks_for(said_: str, wait_s: float | None) -> None:
    assert retry_after_s(said_) == wait_s


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_an_answer_that_is_cut(answer: bytes) -> None:
    async def script(call: Call) -> None:
        await call.request()
        await call.say(answer)

    assert one(script).failure == "cut"


def test_a_body_that_is_cut_does_not_undo_the_status() -> None:
    async def script(call: Call) -> None:
        await call.request()
        await call.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")

    found = one(script)
    assert (found.is_success, found.excerpt) == (True, "begun")


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x00\xff" * 500 + b"\r\n\r\n", b"HTTP/9 x\r\n\r\n"]
)
def test_garbage_in_the_place_of_http(answer: bytes) -> None:
    assert said(answer).failure == "protocol"


def test_an_excerpt_is_text_that_a_database_takes() -> None:
    body = b"a\x00b\r\n\xff" + "ü".encode() * 600
    found = said(b"HTTP/1.1 500 Oh\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert found.excerpt.startswith("a\ufffdb\ufffd\n\ufffdü")
    assert found.excerpt.endswith("ü")  # no half character, though 1,024 bytes end in one
