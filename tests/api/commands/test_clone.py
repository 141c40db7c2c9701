"""Watching a clone from the command line: one request waits for each change, and a busy service is waited for."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from rich.console import Console
from typing_extensions import override

from api.client import Client, Refused
from api.commands.clone import bars_on, watch

Answer = tuple[int, dict[str, str], dict[str, Any] | None]


def shown(progress: int, *, ended: bool = False) -> dict[str, Any]:
    clone = {
        "stage": None if ended else "track", "status": "ready" if ended else "processing", "waitingFor": None,
        "training_progress": progress, "isTerminal": ended,
    }  # fmt: skip
    return {"data": clone}


@dataclass
class Service:
    """Gives one answer after another, and keeps what it was asked: the path, and the tag that was known."""

    answers: list[Answer]
    url: str = ""
    ledger: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def serving(*answers: Answer) -> Iterator[Service]:
    service = Service(list(answers))

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.ledger.append((self.path, self.headers["if-none-match"]))
            status, headers, body = service.answers.pop(0)
            payload = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in ({"content-length": str(len(payload))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        @override
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


def watched(service: Service, timeout_s: float = 0.0) -> dict[str, Any]:
    with bars_on(Console(stderr=True), hidden=True) as bars:
        return watch(Client(service.url, "cp_12345678"), "vc_1", bars, timeout_s=timeout_s)


BUSY: Answer = (429, {"retry-after": "0"}, {"code": "STREAM_LIMIT_EXCEEDED", "message": "Too many."})


def test_each_request_waits_for_what_is_not_known_yet(capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[Answer] = [
        (200, {"etag": 'W/"1"'}, shown(50)),
        (304, {}, None),
        BUSY,
        (200, {"etag": 'W/"2"'}, shown(100, ended=True)),
    ]
    with serving(*answers) as service:
        assert watched(service)["status"] == "ready"
    path = "/api/v2/voice-clones/vc_1?wait="
    assert service.ledger == [(f"{path}0.0", None), *[(f"{path}20.0", 'W/"1"')] * 3]
    assert capsys.readouterr().err.splitlines() == ["track 50 %", "ready 100 %"]


def test_a_refusal_that_will_stay_one_ends_the_watching() -> None:
    gone: Answer = (404, {}, {"code": "VOICE_CLONE_NOT_FOUND", "message": "There is no such clone."})
    with serving((200, {"etag": 'W/"1"'}, shown(50)), gone) as service, pytest.raises(Refused, match="no such clone"):
        watched(service)


def test_a_service_that_is_busy_for_longer_than_is_waited_for_is_not_waited_for() -> None:
    busy: Answer = (429, {"retry-after": "60"}, {"message": "Too many."})
    with serving((200, {"etag": 'W/"1"'}, shown(50)), busy) as service, pytest.raises(Refused, match="Too many"):
        watched(service, timeout_s=10.0)
