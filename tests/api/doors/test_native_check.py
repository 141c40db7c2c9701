"""A check at the native door: the report and the verdict before anything is created, and nothing left of it."""

import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import structlog
from sqlalchemy import func, select

from api import checker
from shared.db.models import Base
from shared.storage import open_storage
from shared.vendors import ENGINES
from tests.api import stand_in_child
from tests.api.doors.conftest import SPEECH, Door
from tests.e2e.recordings import silence_wav
from tests.processes import until
from tests.servers import S3Server

CHECK = "/api/v2/voice-clones/check"
ANNA = ("anna.flac", SPEECH)


def post(door: Door, *files: tuple[str, bytes], headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
    parts = [("files", file) for file in files] or [("", ("", b""))]
    return door.client.post(CHECK, data=fields, files=parts, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert {"error", "code", "message", "version", "timestamp", "requestId", "details"} == set(body), answer.text
    return answer.status_code, body["code"]


def rows(door: Door) -> dict[str, int]:
    with door.services.database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def left(door: Door) -> list[str]:
    """Return what lies in the folders of checks, but for the lock of the desk."""
    # os.walk passes over a folder that vanishes while it is looked at; Path.rglob raises.
    found = os.walk(door.services.settings.data_dir / "work")
    names = [name for _, folders, files in found for name in (*folders, *files)]
    return [name for name in names if name != "lock" and not name.startswith("desk-")]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let another program stand where the checking child is started."""
    return lambda script: monkeypatch.setattr(checker, "COMMAND", stand_in_child.command(script))


def test_a_recording_is_reported_on_and_judged_and_nothing_is_kept(door: Door) -> None:
    before = rows(door)
    answer = post(door, ANNA, vendor="bland", engine="btts_v3")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["vendor"], data["engine"]) == ("bland", "btts_v3")
    assert data["verdict"] in ("ok", "warn")
    [sample], [sent] = data["samples"], data["sent"]
    assert (sample["filename"], sample["error"], sample["before"]["codec"]) == ("anna.flac", None, "flac")
    assert {finding["name"] for finding in sample["findings"]} >= {"snr", "loudness", "speech"}
    assert [source["sampleId"] for source in sent["sources"]] == [sample["sampleId"]]
    assert "urls" not in sent
    assert "anna.flac" in data["reasons"][0]
    assert (rows(door), door.objects(), left(door)) == (before, [], [])


def test_a_bad_recording_does_not_hide_a_good_one(door: Door) -> None:
    data = post(door, ("silence.wav", silence_wav()), ANNA).json()["data"]
    bad, good = data["samples"]
    assert (bad["error"]["code"], bad["verdict"]) == ("NO_SPEECH", "refuse")
    assert bad["before"]["measures"]["speech_s"] == 0.0
    assert (good["error"], good["before"]["codec"]) == (None, "flac")
    assert (data["verdict"], data["sent"]) == ("refuse", [])


def test_the_form_of_a_creation_is_taken_as_it_is(door: Door, stand_in: Callable[[str], None]) -> None:
    stand_in(stand_in_child.ANSWERS)
    data = post(door, ANNA, name="Anna", labels="{}", denoise="off", trim="off").json()["data"]
    assert data["ignoredFields"] == ["name", "labels"]
    asked = json.loads(data["reasons"][0])
    assert (asked["vendor"], asked["engine"]) == ("sandbox", "default")
    assert asked["wish"] == {"denoise": "off", "trim": "off"}


def test_any_declared_engine_can_be_checked_against(door: Door, stand_in: Callable[[str], None]) -> None:
    stand_in(stand_in_child.ANSWERS)
    for vendor, engines in ENGINES.items():
        for engine in engines:
            data = post(door, ANNA, vendor=vendor, engine=engine).json()["data"]
            assert (data["vendor"], data["engine"]) == (vendor, engine)


def test_an_unknown_vendor_or_engine_is_400_and_names_what_there_is(door: Door) -> None:
    answer = post(door, ANNA, vendor="nobody")
    assert code(answer) == (400, "INVALID_FIELD")
    assert all(vendor in answer.json()["message"] for vendor in ENGINES)
    answer = post(door, ANNA, vendor="bland", engine="btts_v9")
    assert code(answer) == (400, "INVALID_FIELD")
    assert "btts_v1" in answer.json()["message"]
    assert left(door) == []


BAD: list[tuple[list[tuple[str, bytes]], dict[str, str], int, str]] = [
    ([], {}, 400, "MISSING_FIELD"),
    ([("notes.wav", b"these are notes, and long enough to be looked at")], {}, 400, "INVALID_FILE_FORMAT"),
    ([("empty.wav", b"")], {}, 400, "EMPTY_FILE"),
    ([ANNA, ("twin.flac", SPEECH)], {}, 400, "DUPLICATE_FILE"),
    ([(f"{number}.flac", SPEECH + bytes([number])) for number in range(11)], {}, 400, "TOO_MANY_FILES"),
    ([ANNA, ("big.flac", SPEECH + bytes(2 * 1024 * 1024))], {}, 413, "FILE_TOO_LARGE"),
    ([ANNA], {"denoise": "much"}, 400, "INVALID_FIELD"),
    ([ANNA], {"vendor": "a b"}, 400, "INVALID_FIELD"),
]


@pytest.mark.parametrize(("files", "fields", "status", "word"), BAD, ids=[word for *_, word in BAD])
def test_what_a_creation_refuses_a_check_refuses_and_keeps_nothing_of(
    make_door: Callable[..., Door], files: list[tuple[str, bytes]], fields: dict[str, str], status: int, word: str
) -> None:
    door = make_door(max_file_mb=1)
    assert code(post(door, *files, **fields)) == (status, word)
    assert (door.objects(), left(door)) == ([], [])


def test_it_takes_the_permission_to_create_and_no_place_among_the_clones(
    make_door: Callable[..., Door], stand_in: Callable[[str], None]
) -> None:
    stand_in(stand_in_child.ANSWERS)
    door = make_door(max_clones_per_user=1)
    door.create()
    assert post(door, ANNA).status_code == 200
    assert code(post(door, ANNA, headers=door.new_key("voice:read"))) == (403, "MISSING_SCOPE")
    assert code(post(door, ANNA, headers={"authorization": ""})) == (401, "UNAUTHORIZED")


def test_more_checks_than_there_are_places_are_429_before_their_body(
    make_door: Callable[..., Door], stand_in: Callable[[str], None]
) -> None:
    stand_in(stand_in_child.HANGS)
    door = make_door(max_checks=1, check_timeout_s=4.0)
    waiting: list[httpx.Response] = []
    first = threading.Thread(target=lambda: waiting.append(post(door, ANNA)))
    first.start()
    assert until(lambda: left(door))
    answer = door.client.post(CHECK, content=b"", headers={"content-type": "no form at all"})
    assert code(answer) == (429, "RATE_LIMIT_EXCEEDED")
    assert int(answer.headers["retry-after"]) > 0
    assert door.client.get("/livez").status_code == 200
    first.join()
    assert code(waiting[0]) == (503, "CHECK_OVERDUE")
    assert until(lambda: not left(door))
    stand_in(stand_in_child.ANSWERS)
    assert post(door, ANNA).status_code == 200, "the place is free again"


def test_a_killed_child_is_a_clean_503_and_the_service_goes_on(door: Door, stand_in: Callable[[str], None]) -> None:
    stand_in(stand_in_child.HANGS)
    ours = psutil.Process()
    before = {process.pid for process in ours.children()}
    waiting: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: waiting.append(post(door, ANNA)))
    asking.start()

    def started() -> list[int]:
        return [one.pid for one in ours.children() if one.pid not in before and "time.sleep" in str(one.cmdline())]

    assert until(started)
    os.kill(started()[0], signal.SIGKILL)
    asking.join()
    assert code(waiting[0]) == (503, "CHECK_LOST")
    assert "Traceback" not in waiting[0].text
    assert left(door) == []
    stand_in(stand_in_child.ANSWERS)
    assert post(door, ANNA).status_code == 200


def test_a_client_that_leaves_ends_its_check(door: Door, stand_in: Callable[[str], None]) -> None:
    stand_in(stand_in_child.HANGS)
    request = door.client.build_request("POST", CHECK, files=[("files", ANNA)])
    head = "\r\n".join([f"POST {CHECK} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())])
    with socket.create_connection((request.url.host, request.url.port or 80)) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode() + request.read())
        assert until(lambda: left(door).count("sound"))
    assert until(lambda: not left(door))


def test_an_upload_that_is_cut_or_dribbles_keeps_neither_folder_nor_place(
    make_door: Callable[..., Door], stand_in: Callable[[str], None]
) -> None:
    stand_in(stand_in_child.ANSWERS)
    door = make_door(max_checks=1, check_timeout_s=3.0)
    request = door.client.build_request("POST", CHECK, files=[("files", ANNA)])
    head = "\r\n".join([f"POST {CHECK} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())])

    def is_free() -> bool:
        """A place is given back a moment after the folder is gone; and a slow machine may be late with an answer."""
        return post(door, ANNA).status_code == 200

    for leaves in (True, False):
        with socket.create_connection((request.url.host, request.url.port or 80)) as connection:
            connection.sendall(f"{head}\r\n\r\n".encode() + request.read()[:5000])
            assert until(lambda: left(door))
            if not leaves:
                connection.settimeout(30)
                answer = connection.recv(65536)
                assert answer.startswith(b"HTTP/1.1 408")
        assert until(lambda: not left(door))
        assert until(is_free, 30)


def test_the_log_holds_neither_names_nor_keys(door: Door, stand_in: Callable[[str], None]) -> None:
    with structlog.testing.capture_logs() as lines:
        for script in (stand_in_child.ANSWERS, stand_in_child.DIES):
            stand_in(script)
            post(door, ("a-very-private-name.flac", SPEECH), vendor="sandbox")
    assert "check_lost" in {line["event"] for line in lines}
    assert not any(word in str(lines) for word in ("a-very-private-name", door.key, str(Path.home())))


def test_nothing_of_a_check_reaches_a_bucket(
    make_door: Callable[..., Door],
    stand_in: Callable[[str], None],
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    stand_in(stand_in_child.ANSWERS)
    door = make_door(storage_url=f"s3://{s3_server.bucket}/checks", s3_endpoint_url=s3_server.endpoint_url)
    assert post(door, ANNA).status_code == 200
    storage = open_storage(door.services.settings)
    assert [*storage.list("samples/"), *storage.list("recordings/")] == []


def test_the_form_that_is_declared_is_the_form_that_is_taken(door: Door, stand_in: Callable[[str], None]) -> None:
    stand_in(stand_in_child.ANSWERS)
    document: dict[str, Any] = door.client.get("/openapi.json").json()
    schema = document["paths"][CHECK]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["required"] == ["files"]
    assert all(found["description"] for found in schema["properties"].values())
    values = {"vendor": "bland", "engine": "btts_v3", "denoise": "on", "trim": "off"}
    assert set(schema["properties"]) == {*values, "files"}
    assert "ignoredFields" not in post(door, ANNA, **values).json()["data"]


def test_a_get_on_its_path_is_a_clone_that_is_not_there(door: Door) -> None:
    assert code(door.client.get(CHECK)) == (404, "VOICE_CLONE_NOT_FOUND")
