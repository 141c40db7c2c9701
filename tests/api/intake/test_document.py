"""A JSON body: what is no object, is none in UTF-8, or is too long is refused, and no more of it is read."""

import anyio
import pytest
from starlette.requests import Request

from api.intake.document import MAX_DOCUMENT_BYTES, receive_document
from shared.errors import InvalidField, MalformedBody, RequestError, UploadTimeout
from tests.api.intake.uploads import run


class Wire:
    """A client that sends these chunks; counts what was taken of them."""

    def __init__(self, *chunks, length=None, stalls=False):
        self.chunks, self.stalls, self.taken = list(chunks), stalls, 0
        self.headers = [] if length is None else [(b"content-length", str(length).encode())]

    async def receive(self):
        if not self.chunks:
            await anyio.sleep_forever()
        self.taken += 1
        more = self.stalls or len(self.chunks) > 1
        return {"type": "http.request", "body": self.chunks.pop(0), "more_body": more}


def received(wire):
    request = Request({"type": "http", "method": "PATCH", "path": "/", "headers": wire.headers}, wire.receive)
    return run(receive_document(request, min_rate_bytes_s=4096))


def refused(wire, kind=MalformedBody):
    with pytest.raises(RequestError) as found:
        received(wire)
    assert type(found.value) is kind
    return found.value.message


def test_an_object_in_any_number_of_chunks_is_received():
    assert received(Wire(b'{"name": "', "Ä".encode(), b'"}')) == {"name": "Ä"}


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_body_is_refused_with_an_example(body):
    assert '{"name": "Anna"}' in refused(Wire(body))


@pytest.mark.parametrize(
    "body",
    [b"name=Anna", b'{"name": ', b'{"name": NaN}', b'{"name": "\xff"}', b"\xff\xfe{\0}\0", b"[" * 60_000],
    ids=["form", "cut", "NaN", "latin-1", "utf-16", "deep"],
)
def test_what_is_no_json_is_refused(body):
    assert "The body is" in refused(Wire(body))


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null"])
def test_what_is_no_object_is_refused(body):
    assert "no object" in refused(Wire(body), InvalidField)


def test_a_body_of_exactly_the_limit_is_taken_and_a_byte_more_is_not():
    whole = b'{"name": "Anna"}'.ljust(MAX_DOCUMENT_BYTES)
    assert received(Wire(whole)) == {"name": "Anna"}
    assert "65536 bytes" in refused(Wire(whole, b" "))


def test_a_body_that_announces_too_much_is_refused_unread():
    wire = Wire(b"{}", length=MAX_DOCUMENT_BYTES + 1)
    assert "65537 were announced" in refused(wire)
    assert wire.taken == 0


def test_a_body_that_announces_nothing_is_read_no_further_than_the_limit():
    wire = Wire(*[bytes(10_000)] * 100)
    refused(wire)
    assert wire.taken == 7


def test_a_client_that_stalls_is_given_up(monkeypatch):
    monkeypatch.setattr("api.intake.document._RATE_WINDOW_S", 0.05)
    assert "stalled" in refused(Wire(b"{", stalls=True), UploadTimeout)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"x": ' + b"9" * 5000 + b"}", "a number in it has 5000 digits, at most 400 are read"),
        (b'\xef\xbb\xbf{"name": "Anna"}', "begins with a byte order mark"),
        (b'{"name": "\xff"}', "byte 11, 0xFF, cannot stand there"),
    ],
    ids=["digits", "mark", "latin-1"],
)
def test_what_is_wrong_is_said_without_words_of_the_program(body, words):
    message = refused(Wire(body))
    assert words in message
    assert not any(word in message for word in ("sys.", "utf-8-sig", "codec"))


def test_the_longest_number_is_read():
    assert received(Wire(b'{"x": ' + b"9" * 400 + b"}"))["x"] == int("9" * 400)
