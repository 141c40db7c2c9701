"""The ground every fake vendor stands on: a threading HTTP server with the socket in its hands.

A fake says what its routes do with `route`; this file reads requests as the documented contracts frame them, spends the
acts of misbehaviour, and counts. `listing_lag_s` hides what was just made from lists.
"""

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.acts import Act, Manner, Moment, read_act
from tests.fakes.call import Call, Reply, read_form

HANG_S = 30.0
LEDGER = "/_ledger"  # no vendor's path: whoever tries the fakes sees here what they hold
ACTS = "/_acts"  # nor is this: here it is ordered how the next calls that create something go wrong
_TRICKLE_EVERY_S = 0.05


Handler = Callable[[Call], Reply]


class FakeVendor:
    """A vendor's server on loopback. A subclass adds its routes in `__init__` and keeps its ledger."""

    name = "vendor"

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.acts: list[Act] = []
        self.listing_lag_s = 0.0
        self.lock = threading.RLock()
        self._routes: list[tuple[str, re.Pattern[str], Handler, bool]] = []
        self._server: ThreadingHTTPServer | None = None

    def route(self, method: str, template: str, handler: Handler, *, creates: bool = False) -> None:
        """Answer a path; `{}` stands for one segment. `creates`: acts of misbehaviour are spent here."""
        pattern = re.compile(
            "".join("([^/]+)" if part == "{}" else re.escape(part) for part in re.split(r"(\{\})", template))
        )
        self._routes.append((method, pattern, handler, creates))

    def ledger(self) -> tuple[str, ...]:
        """Return the ids of every live voice."""
        raise LookupError(f"{type(self).__name__} keeps no ledger")

    def shown(self) -> list[Any]:
        """Return the live voices as the page `GET /_ledger` shows them."""
        return list(self.ledger())

    def refusal(self, call: Call) -> Reply | None:
        """Return why a call is refused whatever it asks, for instance for its key; None: it may pass."""
        return None

    def is_listed(self, made_at_s: float) -> bool:
        """Tell whether what was made at that time (monotonic) is shown in lists by now."""
        return time.monotonic() - made_at_s >= self.listing_lag_s

    def misbehave(self, *acts: Act) -> None:
        """Order what happens to the next calls that create something."""
        with self.lock:
            self.acts += acts

    def reply(self, call: Call) -> tuple[Reply, Act | None]:
        with self.lock:
            if call.path == LEDGER:
                return Reply(200, {"vendor": self.name, "voices": self.shown()}), None
            if call.path == ACTS:
                return self._order(call), None
            self.calls.append(call)
            refused = self.refusal(call)
            if refused is not None:
                return refused, None
            for method, pattern, handler, creates in self._routes:
                match = pattern.fullmatch(call.path)
                if method == call.method and match:
                    found = replace(call, words=tuple(map(unquote, match.groups())))
                    act = self.acts.pop(0) if creates and self.acts else None
                    if act is not None and act.when is Moment.BEFORE:
                        return Reply(act.status, act.body, act.headers), act
                    return handler(found), act
        return self.unknown(call), None

    def _order(self, call: Call) -> Reply:
        """Show the acts that are left (GET), add one (POST) or forget them all (DELETE)."""
        if call.method == "DELETE":
            self.acts.clear()
        elif call.method == "POST":
            try:
                self.acts.append(read_act(call.json()))
            except (TypeError, ValueError, KeyError) as error:
                return Reply(400, {"message": f"no act: {error}"})
        return Reply(200, {"vendor": self.name, "acts": [asdict(act) for act in self.acts]})

    def unknown(self, call: Call) -> Reply:
        return Reply(404, {"message": f"no route {call.method} {call.path}"})

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def base_url(self) -> str:
        """What the vendor's `…_BASE_URL` is set to."""
        return self.url

    def start(self, port: int = 0) -> None:
        vendor = self

        class Bound(_Handler):
            fake = vendor

        self._server = _Server(("127.0.0.1", port), Bound)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @contextmanager
    def running(self) -> Iterator["FakeVendor"]:
        self.start()
        try:
            yield self
        finally:
            self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that were killed in the middle; anything else is a fault of the fake."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeVendor

    def do_POST(self) -> None:
        self._serve()

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

    def log_message(self, *_: object) -> None:
        return

    def _serve(self) -> None:
        try:
            reply, act = self.fake.reply(self._read())
            self._perform(reply, act)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _read(self) -> Call:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers)
        texts, uploads = read_form(headers.get("content-type", ""), body)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return Call(self.command, parts.path, query, headers, body, texts, uploads)

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _perform(self, reply: Reply, act: Act | None) -> None:
        body, content_type = reply.encoded()
        match act.manner if act else Manner.ANSWER:
            case Manner.ANSWER if act is not None and act.when is Moment.AFTER:
                self._send(act.status, json.dumps(act.body).encode(), "application/json", act.headers)
            case Manner.ANSWER:
                self._send(reply.status, body, content_type, reply.headers)
            case Manner.HTML:
                self._send(
                    act.status if act else 403, b"<html><h1>Sorry, you have been blocked</h1></html>", "text/html", {}
                )
            case Manner.DROP:
                self._cut()
            case Manner.HANG:
                time.sleep(HANG_S)
                self._cut()
            case Manner.TRICKLE:
                self._trickle(body)
            case Manner.TRUNCATE:
                self._begin(200, len(body), content_type, {})
                self.wfile.write(body[: len(body) // 2])
                self._cut()
            case Manner.HUGE:
                self._huge()

    def _send(self, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        self._begin(status, len(body), content_type, headers)
        self.wfile.write(body)

    def _begin(self, status: int, length: int, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        own = {"content-type": content_type, "content-length": str(length)}
        for name, value in {**own, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _trickle(self, body: bytes) -> None:
        self._begin(200, len(body) + 10_000, "application/json", {})
        ends_at_s = time.monotonic() + HANG_S
        while time.monotonic() < ends_at_s:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(_TRICKLE_EVERY_S)
        self._cut()

    def _huge(self) -> None:
        self._begin(200, 1 << 30, "application/json", {})
        for _ in range(64):
            self.wfile.write(b" " * (1 << 20))
        self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
