"""The monitoring port: a small HTTP server beside a process's work that tells its figures and whether it lives.

    /metrics  the figures of shared/metrics.py
    /livez    200 while every loop of the process goes round; else 503, and it should be started again
    /readyz   200 when it can work: it lives, and what it needs is there; else 503. Says what of each part

It is for the operator's network only: it asks for no key, and no request can change anything.
"""

import json
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client.registry import Collector
from typing_extensions import override

from shared import log, metrics
from shared.errors import SetupError
from shared.settings import Settings
from shared.vitals import OK, Vitals

_CALLER_S: Final = 10.0  # for a caller who sends or reads nothing
_JSON: Final = "application/json"
_logger = log.get(__name__)


class Monitor:
    """A server of one process. Without `vitals` it tells figures only: the API says elsewhere how it is."""

    def __init__(
        self, host: str, port: int, process: str, *, vitals: Vitals | None = None, collectors: Sequence[Collector] = ()
    ) -> None:
        """Listen on a port; 0 takes a free one. Raises: SetupError: when the port cannot be had."""
        self._process = process
        self._vitals = vitals
        self._collectors = tuple(collectors)
        self._server = _listen(host, port, self)
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        """Answer from now on, in threads of its own, until the process ends or `close`."""
        threading.Thread(target=self._server.serve_forever, name="monitor", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Return status, type and body of the answer to a path."""
        match path.partition("?")[0], self._vitals:
            case "/metrics", _:
                return 200, metrics.CONTENT_TYPE, metrics.page(self._process, *self._collectors)
            case "/livez", Vitals() as vitals:
                return _told({}, vitals.stuck(), is_well=True)
            case "/readyz", Vitals() as vitals:
                parts = vitals.parts()
                return _told(parts, vitals.stuck(), is_well=all(word == OK for word in parts.values()))
        return 404, _JSON, b'{"status": "not found"}'


def open_monitor(settings: Settings, process: str, vitals: Vitals | None, *collectors: Collector) -> Monitor | None:
    """Start to answer where the settings name a port. Raises: SetupError: when it cannot be had."""
    if settings.metrics_port is None:
        return None
    monitor = Monitor(settings.host, settings.metrics_port, process, vitals=vitals, collectors=collectors)
    monitor.start()
    return monitor


def _told(parts: dict[str, str], stuck: Sequence[str], *, is_well: bool) -> tuple[int, str, bytes]:
    is_well = is_well and not stuck
    said = {"status": OK if is_well else "unavailable", "parts": parts, "stuck": list(stuck)}
    return 200 if is_well else 503, _JSON, json.dumps(said).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, answer: Callable[[str], tuple[int, str, bytes]]) -> None:
        self.answer = answer
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Answering)

    @override
    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # and not the class between, which asks a name server who we are

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in a line that somebody could not be answered; that somebody hung up is no error at all."""
        error = sys.exception()
        if not isinstance(error, OSError):
            _logger.warning("monitor_stumbled", exc_info=error)


class _Answering(BaseHTTPRequestHandler):
    timeout = _CALLER_S
    server: _Server

    def do_GET(self) -> None:  # the server's own word
        status, kind, body = self.server.answer(self.path)
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: who asks every few seconds would fill the log."""


def _listen(host: str, port: int, monitor: Monitor) -> _Server:
    try:
        return _Server(host, port, monitor.answer)
    except OSError as error:
        raise SetupError(
            f"Nothing can be told on port {port} of {host} (CLONEPIPE_METRICS_PORT): {error.strerror}. Processes on "
            "one machine need a port each."
        ) from error
