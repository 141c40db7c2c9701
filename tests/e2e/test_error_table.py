"""What clients get wrong, the whole way against a running service, on both profiles: each has its answer, nothing is
left of what was refused, and the service goes on.
"""

import hashlib
import json
import socket
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from shared import keys
from shared.db.engine import Database
from shared.storage import open_storage
from tests.e2e import recordings
from tests.processes import until
from tests.profiles import Profile
from tests.stack import CLEAN_SPEECH, Stack, running_stack

MIB = 1024 * 1024
SAMPLE_MINUTES = 10  # what of ten hours is decoded before they are refused; three hours take too long to wait for
SPEECH = CLEAN_SPEECH.read_bytes()
HTML = b"<!doctype html><html><body>Not found</body></html>"
Files = list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def stack(profile: Profile) -> Iterator[Stack]:
    with running_stack(profile, max_sample_minutes=SAMPLE_MINUTES) as running:
        yield running


@pytest.fixture
def untouched(stack: Stack) -> Iterator[None]:
    """Nothing is in storage after the test that was not there before, finished or not; the list is as it was."""
    before = stored(stack), listed(stack)
    yield
    assert (stored(stack), listed(stack)) == before
    assert open_storage(stack.settings).sweep_unfinished(0) == 0


def stored(stack: Stack) -> list[str]:
    return [found.key for found in open_storage(stack.settings).list("samples/")]


def listed(stack: Stack) -> int:
    return int(stack.client.get("/voice-clones").json()["data"]["total"])


def post(stack: Stack, files: Files, **fields: str) -> httpx.Response:
    parts = [("files", file) for file in files]
    return stack.client.post("/voice-clones", data=fields, files=parts)


def outcome(stack: Stack, filename: str, data: bytes) -> dict[str, Any]:
    """Upload one recording, which is taken, and return the clone at its end."""
    answer = post(stack, [(filename, data)], name="Anna")
    assert answer.status_code == 201, answer.text
    return stack.wait_for(answer.json()["data"]["voiceId"], "ready", "failed")


def check(answer: httpx.Response, status: int, code: str, *words: str) -> dict[str, Any]:
    """See that an answer is this refusal, whole."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert set(body) == {"error", "code", "message", "version", "timestamp", "requestId", "details"}
    assert (body["error"], body["version"]) == (True, "2.0")
    assert body["requestId"] == answer.headers["x-request-id"]
    for word in words:
        assert word in body["message"]
    return body


@pytest.mark.parametrize(
    ("files", "name", "code", "words"),
    [
        pytest.param([("a.flac", SPEECH), ("b.wav", b"")], "Anna", "EMPTY_FILE", ["b.wav"], id="an empty file"),
        pytest.param([("a.wav", b"Dear Sir, " * 99)], "Anna", "INVALID_FILE_FORMAT", ["a.wav"], id="text"),
        pytest.param([("a.flac", SPEECH), ("b.wav", HTML)], "Anna", "INVALID_FILE_FORMAT", ["b.wav"], id="HTML"),
        pytest.param(
            [(f"{n}.flac", SPEECH + bytes([n])) for n in range(11)], "Anna", "TOO_MANY_FILES", ["10", "10.flac"],
            id="11 files",
        ),
        pytest.param(
            [("a.flac", SPEECH), ("b.flac", SPEECH)], "Anna", "DUPLICATE_FILE", ["a.flac", "b.flac"], id="twins"
        ),
        pytest.param([("a.flac", SPEECH)], None, "MISSING_FIELD", ["name"], id="no name"),
        pytest.param([("a.flac", SPEECH)], "n" * 101, "INVALID_FIELD", ["101", "100"], id="over the vendor's length"),
        pytest.param([("a.flac", SPEECH)], "n" * 300, "INVALID_FIELD", ["300", "255"], id="over any length"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("untouched")
def test_an_upload_that_cannot_be_is_400(
    stack: Stack, files: Files, name: str | None, code: str, words: list[str]
) -> None:
    check(post(stack, files, **({} if name is None else {"name": name})), 400, code, *words)


@pytest.mark.parametrize(
    "body", [b"garbage", b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.flac"']
)
@pytest.mark.usefixtures("untouched")
def test_a_malformed_form_is_400(stack: Stack, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    check(stack.client.post("/voice-clones", content=body, headers=headers), 400, "MALFORMED_BODY")


def large_form() -> bytes:
    """A form with a WAV file of 51 MiB and more behind it."""
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    file = b'--x\r\nContent-Disposition: form-data; name="files"; filename="large.wav"\r\n\r\n'
    return part % (b"name", b"Anna") + file + recordings.speech_wav() + bytes(51 * MIB) + b"\r\n--x--\r\n"


@pytest.mark.usefixtures("untouched")
def test_51_mb_are_413_for_urllib(stack: Stack) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "x-api-key": stack.client.headers["x-api-key"]}
    request = urllib.request.Request(f"{stack.url}/api/v2/voice-clones", large_form(), headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value as answer:
        body = json.load(answer)
    assert (answer.code, body["code"], body["requestId"]) == (413, "FILE_TOO_LARGE", answer.headers["x-request-id"])
    assert body["details"]["rejected_files"][0]["filename"] == "large.wav"


@pytest.mark.usefixtures("untouched")
def test_51_mb_are_413_for_a_client_that_reads_when_all_is_written(stack: Stack) -> None:
    body = large_form()
    with connected(stack, len(body)) as connection:
        connection.sendall(body)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "FILE_TOO_LARGE"


def connected(stack: Stack, length: int) -> socket.socket:
    """Return a connection on which the head of an upload was sent."""
    connection = socket.create_connection(("127.0.0.1", stack.settings.port), timeout=30)
    lines = ["POST /api/v2/voice-clones HTTP/1.1", "Host: x", f"x-api-key: {stack.client.headers['x-api-key']}"]
    lines += ["Content-Type: multipart/form-data; boundary=x", f"Content-Length: {length}", "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection


@pytest.mark.parametrize("linger", [b"", struct.pack("ii", 1, 0)], ids=["closes", "resets"])
@pytest.mark.usefixtures("untouched")
def test_a_client_that_leaves_is_one_quiet_line(stack: Stack, linger: bytes) -> None:
    def lefts() -> int:
        return (stack.folder / "log").read_text().count('"status": 499')

    before = lefts()
    with connected(stack, 40 * MIB) as connection:
        connection.sendall(large_form()[: 12 * MIB])  # two parts of it are in storage already
        if linger:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert until(lambda: lefts() == before + 1)


@pytest.mark.parametrize(
    ("filename", "make"), [("memo.wav", recordings.m4a), ("blob", recordings.browser_webm)], ids=["M4A", "WebM"]
)
def test_the_content_decides_and_not_the_name(stack: Stack, filename: str, make: Callable[[], bytes]) -> None:
    clone = outcome(stack, filename, make())
    assert (clone["status"], clone["warnings"]) == ("ready", [])


def test_a_cut_recording_with_enough_in_it_is_ready_with_a_warning(stack: Stack) -> None:
    clone = outcome(stack, "cut.flac", SPEECH[: len(SPEECH) // 2])
    assert clone["status"] == "ready"
    assert {warning["filename"] for warning in clone["warnings"]} == {"cut.flac"}
    assert [warning for warning in clone["warnings"] if warning["warning"].startswith("truncated:")] != []


@pytest.mark.parametrize(
    ("filename", "make", "code"),
    [
        pytest.param("cut.m4a", lambda: recordings.m4a()[:30_000], "AUDIO_UNREADABLE", id="cut before its index"),
        pytest.param("cut.flac", lambda: SPEECH[: len(SPEECH) // 20], "AUDIO_UNREADABLE", id="cut to nearly nothing"),
        pytest.param("cut.flac", lambda: SPEECH[: len(SPEECH) // 5], "AUDIO_UNREADABLE", id="cut to under a second"),
        pytest.param("nan.wav", lambda: recordings.wav_with(float("nan")), "AUDIO_UNREADABLE", id="NaN"),
        pytest.param("inf.wav", lambda: recordings.wav_with(float("inf")), "AUDIO_UNREADABLE", id="infinite"),
        pytest.param("short.wav", lambda: recordings.speech_wav(0.2), "AUDIO_TOO_SHORT", id="0.2 s"),
        pytest.param("silent.wav", recordings.silence_wav, "NO_SPEECH", id="silence"),
        pytest.param("tune.wav", recordings.music_wav, "NO_SPEECH", id="music"),
    ],
)
def test_what_no_voice_can_be_made_of_fails_with_its_code(
    stack: Stack, filename: str, make: Callable[[], bytes], code: str
) -> None:
    clone = outcome(stack, filename, make())
    assert (clone["status"], clone["errorCode"], clone["isTerminal"]) == ("failed", code, True), clone
    assert filename in clone["error_message"]


@pytest.mark.parametrize("says", [True, False], ids=["says so", "does not say so"])
def test_ten_hours_are_too_long_and_are_not_decoded(stack: Stack, says: bool) -> None:
    data = recordings.long_flac(10 * 3600, says_its_length=says)
    began_s = time.monotonic()
    clone = outcome(stack, "endless.flac", data)
    assert time.monotonic() - began_s < 50
    assert (clone["status"], clone["errorCode"]) == ("failed", "AUDIO_TOO_LONG")
    assert f"{SAMPLE_MINUTES} minutes" in clone["error_message"]
    assert ("600.0 minutes" in clone["error_message"]) is says


def headers_of(
    stack: Stack, *, foreign: bool = False, scopes: tuple[str, ...] = tuple(keys.ALL_SCOPES)
) -> dict[str, str]:
    """Return the headers of a fresh key."""
    database = Database(stack.settings.database_url)
    with database.write() as session:
        account_id = keys.create_account(session) if foreign else keys.MAIN_ACCOUNT
        key = keys.create_key(session, account_id, name="test", scopes=scopes)
    database.dispose()
    return {"x-api-key": key}


@pytest.mark.usefixtures("untouched")
def test_a_wrong_key_is_401_before_the_body(stack: Stack) -> None:
    files = [("files", ("a.flac", SPEECH))]
    answer = stack.client.post("/voice-clones", data={"name": "A"}, files=files, headers={"x-api-key": "wrong"})
    check(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.usefixtures("untouched")
def test_a_missing_scope_is_403_and_named(stack: Stack) -> None:
    reader = headers_of(stack, scopes=("voice:read",))
    answer = stack.client.post("/voice-clones", files=[("files", ("a.flac", SPEECH))], headers=reader)
    body = check(answer, 403, "MISSING_SCOPE", "voice:create")
    assert body["details"]["required"] == "voice:create"


def test_an_unknown_and_a_foreign_clone_are_404_alike(stack: Stack) -> None:
    voice_id = stack.create()
    stack.wait_for(voice_id, "ready")
    stranger = headers_of(stack, foreign=True)
    for path in (f"/voice-clones/{voice_id}", f"/voice-clones/{voice_id}/samples", "/voice-clones/vc_nobody"):
        check(stack.client.get(path, headers=stranger), 404, "VOICE_CLONE_NOT_FOUND")
    check(stack.client.get("/voice-clones/vc_nobody"), 404, "VOICE_CLONE_NOT_FOUND", "vc_nobody")


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "DELETE", "TRACE"])
def test_a_wrong_method_is_405_and_says_which_are_right(stack: Stack, method: str) -> None:
    answer = stack.client.request(method, "/voice-clones")
    check(answer, 405, "METHOD_NOT_ALLOWED", "GET, HEAD, POST")
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_after_all_of_it_the_service_goes_on(stack: Stack) -> None:
    voice_id = stack.create("The last one")
    assert stack.wait_for(voice_id, "ready")["warnings"] == []
    [sample] = stack.client.get(f"/voice-clones/{voice_id}/samples").json()["data"]["samples"]
    urls = {what: {name: stack.url + path for name, path in found.items()} for what, found in sample["urls"].items()}
    assert stack.client.get(urls["audio"]["original"]).content == SPEECH
    assert stack.client.get(urls["audio"]["original"], headers={"range": "bytes=10-99"}).content == SPEECH[10:100]
    prepared = stack.client.get(urls["audio"]["prepared"])
    assert f'"{hashlib.sha256(prepared.content).hexdigest()}"' == prepared.headers["etag"]
    for url in urls["peaks"].values():
        assert stack.client.get(url).json()["data"]["peaks"]
    assert "Traceback" not in (stack.folder / "log").read_text()
