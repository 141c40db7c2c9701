"""One call over the wire: its deadline, the size of its answer, and whether the vendor may have acted."""

import gc
import gzip
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from shared.errors import (
    UnknownOutcome,
    VendorAuth,
    VendorError,
    VendorProtocol,
    VendorQuota,
    VendorRejected,
    VendorUnavailable,
)
from shared.vendors import journal
from shared.vendors.answer import Answer, Complaint
from shared.vendors.reading import at, text
from shared.vendors.wire import MOST_BYTES, Wire, _trust
from tests.fakes.call import Upload, read_form
from tests.shared.vendors.calling import recordings

KEY = "sk-very-secret-key"
PATIENCE_S = 0.7
LONG_S = 20.0  # far longer than any deadline here

Script = Callable[[socket.socket], None]


def answer(status: str = "200 OK", body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "content-type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(payload: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(payload)

    return script


def request(connection: socket.socket) -> bytes:
    """Read a whole request with a content-length, or none."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += connection.recv(65536)
    head, _, body = read.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def server(script: Script) -> Iterator[str]:
    """Serve each connection by the script and then cut it; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    script(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def complaint(given: Answer) -> Complaint | None:
    code = text(at(given.json(), "code"))
    return None if given.is_good and code is None else Complaint(code, text(at(given.json(), "message")))


def wire(url: str, **more: object) -> Wire:
    return Wire("bland", url, {"authorization": KEY}, complaint, secrets=(KEY,), **more)  # type: ignore[arg-type]


def ask(script: Script, *, creates: bool = True, **more: object) -> Answer:
    with server(script) as url:
        return wire(url).ask("POST", "/voices", deadline_s=PATIENCE_S, creates=creates, **more)  # type: ignore[arg-type]


def test_an_answer_comes_back_as_it_is() -> None:
    got = ask(says(answer("201 Created", b'{"id": 1}', "x-more: yes")))
    assert (got.status, got.json(), got.headers["X-More"], got.is_good) == (201, {"id": 1}, "yes", True)


def silent(connection: socket.socket) -> None:
    request(connection)
    time.sleep(LONG_S)


def trickling_headers(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-long: ")
    for _ in range(int(LONG_S / 0.05)):
        connection.sendall(b"a")
        time.sleep(0.05)


def trickling_body(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    for _ in range(int(LONG_S / 0.05)):
        connection.sendall(b" ")
        time.sleep(0.05)


def deaf(connection: socket.socket) -> None:
    """Never read: what is sent fills the buffers and waits."""
    time.sleep(LONG_S)


@pytest.mark.parametrize("script", [silent, trickling_headers, trickling_body], ids=lambda script: script.__name__)
@pytest.mark.parametrize(("creates", "kind"), [(True, UnknownOutcome), (False, VendorUnavailable)])
def test_the_deadline_is_of_the_whole_call(script: Script, creates: bool, kind: type[VendorError]) -> None:
    with pytest.raises(kind, match=r"did not answer within 0\.7 s"):
        ask(script, creates=creates)


def test_a_server_that_never_reads_ends_at_the_deadline_too(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    path.write_bytes(bytes(16 << 20))
    [file] = recordings(tmp_path)
    large = type(file)(path, "large.wav", "audio/wav", 1.0, cleaned=False)
    with pytest.raises(UnknownOutcome):
        ask(deaf, files=[("files", large)])


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(VendorUnavailable):
        wire(f"http://127.0.0.1:{port}").ask("POST", "/voices", deadline_s=PATIENCE_S, creates=True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_failed_handshake_sent_nothing() -> None:
    with server(says(b"this is no TLS")) as url, pytest.raises(VendorUnavailable):
        wire(url.replace("http:", "https:")).ask("POST", "/voices", deadline_s=PATIENCE_S, creates=True)
    gc.collect()  # asyncio leaves the socket of a failed handshake to the collector, and warns then


@pytest.mark.parametrize("url", ["http://no-such-host.invalid", "http://127.0.0.1:1", "nonsense", "http://[::"])
def test_an_address_that_leads_nowhere_is_no_crash(url: str) -> None:
    with pytest.raises(VendorError):
        wire(url).ask("GET", "/voices", deadline_s=PATIENCE_S)


@pytest.mark.parametrize("payload", [b"", b"HTTP/1.1 200 OK\r\nconte", b"garbage\r\n\r\n", answer(body=b"{}" * 9)[:-3]])
@pytest.mark.parametrize(("creates", "kind"), [(True, UnknownOutcome), (False, VendorUnavailable)])
def test_a_cut_answer_leaves_the_outcome_open_only_where_something_is_created(
    payload: bytes, creates: bool, kind: type[VendorError]
) -> None:
    with pytest.raises(kind):
        ask(says(payload), creates=creates)


def test_a_refusal_that_breaks_off_is_a_refusal() -> None:
    cut = answer("401 Unauthorized", b'{"code": "NO", "message": "no"}')[:-4]
    with pytest.raises(VendorAuth):
        ask(says(cut))


def test_an_answer_of_any_length_costs_a_bounded_memory() -> None:
    body = b" " * (MOST_BYTES + 1)
    with pytest.raises(VendorProtocol, match="4,194,304 bytes"):
        ask(says(answer(body=body)))
    assert len(ask(says(answer(body=body[:1000])), most_bytes=1000).body) == 1000
    with pytest.raises(VendorProtocol):
        ask(says(answer(body=body[:1001])), most_bytes=1000)


def test_a_small_answer_that_unpacks_to_a_large_one_is_stopped_as_well() -> None:
    packed = gzip.compress(b" " * (3 * MOST_BYTES))
    with pytest.raises(VendorProtocol, match="answered more than"):
        ask(says(answer("200 OK", packed, "content-encoding: gzip")))


def test_an_answer_that_cannot_be_unpacked_is_told_as_that() -> None:
    with pytest.raises(VendorProtocol, match="cannot be read"):
        ask(says(answer("200 OK", b"no gzip", "content-encoding: gzip")))


def test_a_redirect_is_not_followed() -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        seen.append(request(connection))
        connection.sendall(answer("307 Temporary Redirect", b"{}", "location: /elsewhere"))

    with pytest.raises(VendorProtocol):
        ask(script)
    assert len(seen) == 1


def test_nothing_is_repeated() -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        seen.append(request(connection))

    with pytest.raises(UnknownOutcome):
        ask(script)
    assert len(seen) == 1


def test_the_vendors_table_is_asked_before_the_status() -> None:
    meanings = {(400, "FULL"): VendorQuota, (None, "BROKEN"): VendorRejected}
    for payload, kind in (
        (answer("400 Bad Request", b'{"code": "FULL"}'), VendorQuota),
        (answer("500 Oh", b'{"code": "FULL"}'), UnknownOutcome),
        (answer("500 Oh", b'{"code": "BROKEN"}'), VendorRejected),
        (answer("200 OK", b'{"code": "BROKEN"}'), VendorRejected),
    ):
        with server(says(payload)) as url, pytest.raises(kind) as refused:
            wire(url, meanings=meanings).ask("POST", "/voices", deadline_s=PATIENCE_S, creates=True)
        assert type(refused.value) is kind


def test_a_forms_parts_go_by_their_bare_names_and_in_order(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        seen.append(request(connection))
        connection.sendall(answer())

    form = [("name", 'Änne "A"\r\nx: y'), ("tag", "1"), ("tag", "2")]
    files = [("files", file) for file in recordings(tmp_path, 2, length_s=1.0)]
    ask(script, form=form, files=files)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    kind = next(line for line in head.decode().split("\r\n") if line.lower().startswith("content-type:"))
    texts, uploads = read_form(kind.partition(":")[2].strip(), body)
    assert texts == {"name": ['Änne "A"\r\nx: y'], "tag": ["1", "2"]}
    assert uploads == [Upload("files", file.filename, file.content_type, file.path.read_bytes()) for _, file in files]


def test_the_key_is_in_the_request_and_nowhere_else(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    echo = b'{"message": "you said ' + KEY.encode() + b'", "api_key": "another"}'
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        seen.append(request(connection))
        connection.sendall(answer("400 Bad Request", echo))

    form, files = [("note", KEY)], [(f"file-{KEY}", file) for file in recordings(tmp_path, length_s=1.0)]
    with journal.kept() as exchanges, pytest.raises(VendorRejected):
        ask(script, form=form, files=files)
    assert KEY.encode() in seen[0]
    [exchange] = exchanges
    assert KEY not in str(exchange)
    assert "another" not in exchange.answer
    assert KEY not in caplog.text


def test_every_call_is_written_down_with_what_support_asks_for() -> None:
    with journal.kept() as exchanges:
        ask(says(answer("200 OK", b"{}", "x-request-id: req_7")))
        with pytest.raises(UnknownOutcome):
            ask(says(b""))
    good, lost = exchanges
    assert (good.status, good.request_id, good.failure, good.path, good.method) == (
        200,
        "req_7",
        None,
        "/voices",
        "POST",
    )
    assert (lost.status, lost.failure) == (None, "VENDOR_UNKNOWN_OUTCOME")


def test_certificates_and_names_are_checked() -> None:
    assert _trust().verify_mode is ssl.CERT_REQUIRED
    assert _trust().check_hostname
