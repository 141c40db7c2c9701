"""HTTP as uvicorn speaks it, with bounds on what it leaves open: how long a request's head is and how long it takes.

uvicorn with httptools keeps every header it is sent, for as long as they come, before any of our code runs, and forgets
its timer for idle connections as soon as half a request has come (uvicorn 0.54, 2026-11-20). The same bound holds for
what chunked bodies may carry beside their bytes: extensions and trailers. And it ends a connection on bytes that are no
HTTP even while it owes the requests before them their answers; here those are given first.

Two more things that uvicorn leaves to chance: a request that offers another protocol (`Upgrade: h2c`) is read as if it
did not, its body included (RFC 9110, 7.8), and who has ended only its own side of the connection still gets its answer.
"""

import re
import sys
from asyncio import TimerHandle
from typing import Any, ClassVar, Final

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.envelope import refusal_body
from api.readers import Reader
from api.requests import new_request_id
from shared import log
from shared.errors import HeadersTooLarge, MalformedBody, MethodUnknown, RequestError, UploadTimeout
from shared.settings import MIB

KIB: Final = 1024
_REQUEST_LINE: Final = re.compile(rb"(?P<method>[!#$%&'*+.^_`|~0-9A-Za-z-]+) [!-~]+ HTTP/1\.[01]\r?\n")  # RFC 9112
_INTERIM: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_logger = log.get(__name__)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. What is refused here has reached neither the application nor its log."""

    max_head_bytes: ClassVar[int] = 64 * KIB
    max_head_s: ClassVar[float] = 30.0
    drain_bytes: ClassVar[int] = 64 * MIB  # after a refusal, so that who writes before it reads sees no reset
    drain_s: ClassVar[float] = 2.0
    probe_s: ClassVar[float] = 1.0  # between two looks whether who has ended its side still listens
    unprobed_s: ClassVar[float] = 10.0  # for HTTP/1.0, which cannot be looked after

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._awaits_head = True
        self._silent_bytes = 0  # since a head was complete or a body brought a byte
        self._head_timer: TimerHandle | None = None
        self._piece = b""  # what the parser has in hand
        self._is_refused = False
        self._is_in_head = False  # a first byte of a request has come, and not all of its head
        self._has_peer_ended = False
        self._parting: RequestError | None = None  # what is to be said once the requests before it are answered
        self._dropped_bytes = 0
        self._reader = Reader(self.loop)

    @override
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start_timer()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader.owes(self.transport)

    @override
    def resume_writing(self) -> None:
        self._reader.owes_nothing()
        super().resume_writing()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._reader.owes_nothing()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        while data and not self.transport.is_closing():
            if self._is_refused:
                self._drop(len(data))
                return
            room_bytes = self.max_head_bytes - self._silent_bytes
            piece = data[:room_bytes] if self._awaits_head else data
            data = data[len(piece) :]
            self._silent_bytes += len(piece)
            self._piece = piece
            self._parse(piece)
            self._piece = b""
            if self._silent_bytes >= self.max_head_bytes and not self._is_refused:
                self._refuse(self._too_large())
        if self._awaits_head and self._silent_bytes:
            self._start_timer()

    def _parse(self, data: bytes) -> None:
        """Give the bytes to the parser, and to another one what it takes for a protocol that was agreed on.

        httptools ends a request that offers an upgrade with its head, and takes its body for the next request (0.9,
        2026-11-25). No upgrade is ever agreed on here, so its head is read again without the offer.
        """
        self._unset_keepalive_if_required()
        try:
            while data:
                try:
                    self.parser.feed_data(data)
                    return
                except HttpParserUpgrade as offer:
                    data = data[offer.args[0] :]
                head = self._head_without_offer()
                if head is None:
                    self._refuse(MethodUnknown("This is no proxy; no address knows the method CONNECT."))
                    return
                # A new one, because after `Connection: close` the old one reads no more.
                self.parser = HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(head)
        except HttpParserError:
            self.send_400_response("")

    def _head_without_offer(self) -> bytes | None:
        """Return the head that the parser stopped at as it would be without `Upgrade`; None for a CONNECT."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            return None
        line = b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())
        headers = [b"%s: %s" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([line, *headers, b"", b""])

    @override
    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Tell whether the connection is kept: it is while an answer is owed, for who sends no more may still read.

        A body that is not whole is refused at once, which ends the upload or the check that it was for. Who is gone
        altogether cannot be told from who listens until something is sent; so every `probe_s` an interim answer is
        (RFC 9110, 15.2), and the second one fails if nobody is there.
        """
        self._has_peer_ended = True
        if self._is_refused:
            return self._parting is not None
        if self._is_in_head:
            self._refuse(RequestError("The connection was ended in the middle of the request's head."))
        elif not self._awaits_head:
            self._refuse(MalformedBody("The connection was ended before the end of the body. Send the request again."))
        elif not self._is_answering():
            return None
        if self._is_answering():
            self.cycle.keep_alive = False
            self._look_after_peer(0.0)
        return True

    def _look_after_peer(self, waited_s: float) -> None:
        if self.transport.is_closing() or not self._is_answering():
            return
        if self.cycle.scope["http_version"] == "1.0":
            if waited_s >= self.unprobed_s:
                self.transport.close()
                return
        elif waited_s and not self.pipeline and not self.cycle.response_started:
            self.transport.write(_INTERIM)
        self.loop.call_later(self.probe_s, self._look_after_peer, waited_s + self.probe_s)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._start_timer()

    @override
    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # it comes again without that, see _parse
        self._awaits_head = self._is_in_head = False
        self._silent_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    @override
    def on_body(self, body: bytes) -> None:
        self._silent_bytes = 0
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._awaits_head = True
        self._silent_bytes = 0
        self._piece = b""  # it began with a request that is whole; what follows is not told apart any further
        super().on_message_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        # uvicorn calls this while it handles the parser's error, and hands on none of it (0.54, 2026-11-20).
        line = _REQUEST_LINE.match(self._piece) if isinstance(sys.exception(), HttpParserInvalidMethodError) else None
        if line is not None:
            self._refuse(MethodUnknown(f"No address here knows the method {line['method'].decode()[:32]}; see /docs."))
            return
        self._refuse(RequestError("These bytes are no HTTP/1.1 request. A proxy or a plain socket may have cut it."))

    def _start_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.max_head_s, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        """Refuse a head that takes too long; close without a word where none was begun: nobody asked anything."""
        self._head_timer = None
        if self._is_answering():
            self._start_timer()  # the half request is the next one's
        elif self._is_in_head:
            self._refuse(UploadTimeout(f"The request's head was not whole after {self.max_head_s:g} s; send it again."))
        else:
            self.transport.close()

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever its annotation says
        return cycle is not None and not cycle.response_complete

    def _too_large(self) -> HeadersTooLarge:
        what = "head, its address and headers," if self._awaits_head else "chunk extensions or trailers"
        return HeadersTooLarge(
            f"The request's {what} may have at most {self.max_head_bytes} bytes; more came. Send less.",
            limit=self.max_head_bytes,
        )

    def _refuse(self, error: RequestError) -> None:
        """Answer, send nothing more, and drop what still comes for a moment before the connection is closed."""
        self._stop_timer()
        self._is_refused = True
        _logger.info("connection_refused", code=error.code)
        if not self._awaits_head and self.pipeline:
            self.pipeline.popleft()  # a request that is refused before its turn came: nobody has begun on it
            self._parting = error
            return
        if self._is_answering():
            if self._awaits_head:  # the request before is whole: an answer here would be taken for its own
                self._parting = error
                return
            if self.cycle.response_started:
                self.transport.close()
                return
            self.cycle.disconnected = True  # whoever reads this body is told that no more of it comes
            self.cycle.message_event.set()
        self._part(error)

    @override
    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last and self._parting is not None and not self.transport.is_closing():
            self._part(self._parting)

    def _part(self, error: RequestError) -> None:
        self._parting = None
        self.transport.write(_answer(error))
        if self._has_peer_ended:
            self.transport.close()
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(self.drain_s, self.transport.close)

    def _drop(self, size_bytes: int) -> None:
        self._dropped_bytes += size_bytes
        if self._dropped_bytes > self.drain_bytes:
            self.transport.close()


def _answer(error: RequestError) -> bytes:
    request_id = new_request_id()
    body = refusal_body(error, request_id)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        "x-request-id": request_id,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[error.status] + lines.encode() + b"\r\n" + body
