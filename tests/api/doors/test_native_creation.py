"""Creating a clone through the native door: what is taken, what is refused, and that a refusal leaves nothing."""

import hashlib
import json
import socket
from collections.abc import Callable
from http.client import HTTPResponse
from typing import Any

import pytest
from sqlalchemy import func, select

from shared.db.models import Clone, Event, Job, Sample
from tests.api.doors.conftest import SPEECH, Door

WAV = bytes.fromhex(
    "52494646 24000000 57415645 666d7420 10000000 01000100 401f0000 803e0000 02001000 64617461 00000000"
)


def nothing_is_left(door: Door) -> bool:
    with door.services.database.read() as session:
        rows = [session.scalar(select(func.count()).select_from(table)) for table in (Clone, Sample, Job, Event)]
    return rows == [0, 0, 0, 0] and door.objects() == []


def test_recordings_become_a_clone(door: Door) -> None:
    answer = door.post(
        ("one.flac", SPEECH), ("two.wav", WAV + b"\0" * 5000),
        name="Anna", description="warm", language="pt-BR", gender="female", denoise="off", trim="off",
        labels='{"team": "sales"}', settings='{"stability": 0.5}', callback_url="https://93.184.215.14/hook",
    )  # fmt: skip
    assert answer.status_code == 201
    body = answer.json()
    assert body["success"] is True
    assert body["message"] == "Voice clone created successfully"
    data = body["data"]
    assert data["voiceId"].startswith("vc_")
    expected = {
        "name": "Anna", "description": "warm", "sampleCount": 2, "status": "processing", "training_progress": 0,
        "error_message": None, "stage": "validate", "waitingFor": None, "isTerminal": False, "seq": 1,
        "vendor": "sandbox", "engine": "default", "language": "pt-BR", "gender": "female", "denoise": "off",
        "trim": "off", "labels": {"team": "sales"}, "settings": {"stability": 0.5},
        "callbackUrl": "https://93.184.215.14/hook",
    }  # fmt: skip
    assert {name: data[name] for name in expected} == expected
    assert "no voice is trained" in data["notice"]


def test_the_bytes_that_are_stored_are_the_bytes_that_were_sent(door: Door) -> None:
    voice_id = door.create()["voiceId"]
    with door.services.database.read() as session:
        sample = session.scalars(select(Sample)).one()
    stored = b"".join(door.services.storage.read(sample.object_key))
    assert stored == SPEECH
    assert (sample.sha256, sample.size_bytes, sample.filename) == (
        hashlib.sha256(SPEECH).hexdigest(),
        len(SPEECH),
        "anna.flac",
    )
    assert voice_id in sample.object_key


def test_a_field_that_means_nothing_is_named(door: Door) -> None:
    assert door.create(denoize="on")["ignoredFields"] == ["denoize"]


def test_fields_may_come_after_the_files(door: Door) -> None:
    boundary = "x"
    body = (
        b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.flac"\r\n\r\n' + SPEECH + b"\r\n"
        b'--x\r\ncontent-disposition: form-data; name="name"\r\n\r\nLate\r\n--x--\r\n'
    )
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    answer = door.client.post("/api/v2/voice-clones", content=body, headers=headers)
    assert answer.status_code == 201
    assert answer.json()["data"]["name"] == "Late"


REFUSALS: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("no name", {"files": [("a.flac", SPEECH)]}, 400, "MISSING_FIELD", "name"),
    ("blank name", {"files": [("a.flac", SPEECH)], "name": "   "}, 400, "MISSING_FIELD", "name"),
    ("no files", {"files": [], "name": "A"}, 400, "MISSING_FIELD", "files"),
    ("long name", {"files": [("a.flac", SPEECH)], "name": "n" * 101}, 400, "INVALID_FIELD", "101"),
    ("empty file", {"files": [("a.flac", b"")], "name": "A"}, 400, "EMPTY_FILE", "a.flac"),
    ("text", {"files": [("a.wav", b"hello " * 100)], "name": "A"}, 400, "INVALID_FILE_FORMAT", "a.wav"),
    ("html", {"files": [("b.wav", b"<html><body>")], "name": "A"}, 400, "INVALID_FILE_FORMAT", "b.wav"),
    (
        "good, then bad",
        {"files": [("a.flac", SPEECH), ("b.wav", b"no")], "name": "A"},
        400,
        "INVALID_FILE_FORMAT",
        "b.wav",
    ),
    ("same twice", {"files": [("a.flac", SPEECH), ("b.flac", SPEECH)], "name": "A"}, 400, "DUPLICATE_FILE", "b.flac"),
    (
        "eleven",
        {"files": [(f"{n}.wav", WAV + bytes([n])) for n in range(11)], "name": "A"},
        400,
        "TOO_MANY_FILES",
        "10",
    ),
    ("vendor", {"files": [("a.flac", SPEECH)], "name": "A", "vendor": "nobody"}, 400, "INVALID_FIELD", "sandbox"),
    (
        "engine",
        {"files": [("a.flac", SPEECH)], "name": "A", "vendor": "sandbox", "engine": "x"},
        400,
        "INVALID_FIELD",
        "default",
    ),
    (
        "denoise",
        {"files": [("a.flac", SPEECH)], "name": "A", "denoise": "maybe"},
        400,
        "INVALID_FIELD",
        "auto, on, off",
    ),
    ("labels", {"files": [("a.flac", SPEECH)], "name": "A", "labels": "[1]"}, 400, "INVALID_FIELD", "labels"),
    (
        "labels nan",
        {"files": [("a.flac", SPEECH)], "name": "A", "labels": '{"a": NaN}'},
        400,
        "INVALID_FIELD",
        "labels",
    ),
    (
        "language",
        {"files": [("a.flac", SPEECH)], "name": "A", "language": "english please"},
        400,
        "INVALID_FIELD",
        "pt-BR",
    ),
    ("callback", {"files": [("a.flac", SPEECH)], "name": "A", "callback_url": "ftp://x"}, 400, "INVALID_FIELD", "http"),
    (
        "callback user",
        {"files": [("a.flac", SPEECH)], "name": "A", "callback_url": "http://u:p@x/"},
        400,
        "INVALID_FIELD",
        "http",
    ),
]


@pytest.mark.parametrize(
    ("request_", "status", "code", "word"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS]
)
def test_a_refusal_says_what_was_wrong_and_leaves_nothing(
    door: Door, request_: dict[str, Any], status: int, code: str, word: str
) -> None:
    fields = {name: value for name, value in request_.items() if name != "files"}
    answer = door.post(*request_["files"], **fields)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["error"] is True
    assert body["version"] == "2.0"
    assert body["timestamp"].endswith("Z")
    assert body["requestId"] == answer.headers["x-request-id"]
    assert word in body["message"] + str(body["details"])
    assert nothing_is_left(door)
    assert door.create()["status"] == "processing", "the service goes on"


def test_a_file_over_the_limit_is_413_with_buenas_details(make_door: Callable[..., Door]) -> None:
    door = make_door(max_file_mb=1)
    answer = door.post(("large_recording.wav", WAV + b"\0" * (1024 * 1024)), name="A")
    body = answer.json()
    assert (answer.status_code, body["code"]) == (413, "FILE_TOO_LARGE")
    assert body["details"]["max_size_mb"] == 1
    [rejected] = body["details"]["rejected_files"]
    assert rejected["filename"] == "large_recording.wav"
    assert rejected["size_mb"] >= 1
    assert nothing_is_left(door)


def test_a_request_that_announces_more_than_can_be_is_413_before_its_body_is_read(
    make_door: Callable[..., Door],
) -> None:
    door = make_door(max_file_mb=1, max_files=2)
    most_bytes = 2 * 1024 * 1024 + 16 * 1024 * 1024
    head = (
        f"POST /api/v2/voice-clones HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {door.key}\r\nContent-Length: "
        f"{most_bytes + 1}\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", door.client.base_url.port), timeout=10) as connection:
        connection.sendall(head.encode())  # and nothing of the body
        answer = HTTPResponse(connection)
        answer.begin()
        refused = json.loads(answer.read())
    assert answer.status == 413
    assert (refused["code"], refused["details"]) == ("FILE_TOO_LARGE", {"max_size_mb": 1, "rejected_files": []})
    assert "announces 18.1 MB; at most 18 MB are read" in refused["message"]
    assert nothing_is_left(door)


def test_a_file_of_exactly_the_limit_is_taken(make_door: Callable[..., Door]) -> None:
    door = make_door(max_file_mb=1)
    assert door.post(("full.wav", (WAV + b"\0" * 1024 * 1024)[: 1024 * 1024]), name="A").status_code == 201


def test_a_format_refusal_has_buenas_details(door: Door) -> None:
    body = door.post(("recording.txt", b"plain text"), name="A").json()
    assert body["details"]["rejected_files"] == ["recording.txt"]
    assert body["details"]["supported_formats"][:4] == ["wav", "mp3", "m4a", "flac"]


def test_a_file_input_that_was_left_empty_is_said_to_be_so(door: Door) -> None:
    body = (
        b'--x\r\ncontent-disposition: form-data; name="name"\r\n\r\nA\r\n'
        b'--x\r\ncontent-disposition: form-data; name="files"; filename=""\r\n\r\n\r\n--x--\r\n'
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = door.client.post("/api/v2/voice-clones", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "MISSING_FIELD")
    assert answer.json()["message"].startswith("No file was chosen: 'files' came without a file name")
    assert nothing_is_left(door)


def test_a_packed_form_is_415(door: Door) -> None:
    answer = door.client.post("/api/v2/voice-clones", content=b"x", headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (415, "CONTENT_ENCODING_UNSUPPORTED")


def test_the_quota_is_429_with_counts_before_and_after_the_body(make_door: Callable[..., Door]) -> None:
    door = make_door(max_clones_per_user=1)
    door.create()
    answer = door.post(("b.flac", SPEECH), name="B")
    assert (answer.status_code, answer.json()["code"]) == (429, "VOICE_CLONE_LIMIT_EXCEEDED")
    assert answer.json()["details"] == {"current_count": 1, "max_allowed": 1}
    assert "retry-after" not in answer.headers
    [listed] = door.client.get("/api/v2/voice-clones").json()["data"]["voiceClones"]
    door.client.delete(f"/api/v2/voice-clones/{listed['voiceId']}")
    later = door.post(("b.flac", SPEECH), name="B")
    assert (later.status_code, later.headers["retry-after"]) == (429, "5")
    assert "being erased" in later.json()["message"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"name": "A"}', "application/json"),
        (b"--x\r\n", "multipart/form-data"),
        (b'--x\r\ncontent-disposition: form-data; name="name"\r\n\r\nA', "multipart/form-data; boundary=x"),
        (b"garbage", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data; boundary=x"),
    ],
)
def test_a_body_that_is_no_form_is_400(door: Door, body: bytes, content_type: str) -> None:
    answer = door.client.post("/api/v2/voice-clones", content=body, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["code"]) in ((400, "MALFORMED_BODY"), (400, "MISSING_FIELD"))
    assert nothing_is_left(door)
