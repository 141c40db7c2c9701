"""One attempt at a delivery: one POST to one receiver, with a deadline for the whole of it, and what became of it.

No redirect is followed and nothing is repeated; whoever keeps the delivery decides what comes next. A receiver can
neither hold an attempt beyond its deadline nor fill our memory.
"""

import asyncio
import codecs
import re
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self

from httpcore import (
    URL,
    AsyncNetworkBackend,
    ConnectError,
    ConnectTimeout,
    NetworkError,
    RemoteProtocolError,
    Request,
    Response,
)

from shared.errors import WebhookUrlRefused
from shared.webhooks.destinations import Destination, DestinationUnreachable, destination_of
from worker.callbacks.connections import Connection, Connections
from worker.callbacks.dialing import TlsFailed

EXCERPT_BYTES: Final = 1024
RETRY_AFTER_MOST_S: Final = 24 * 3600.0
_EXCERPT_S: Final = 2.0  # the status has decided; what the receiver adds to it is only for the log
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Attempted:
    """What became of an attempt.

    `failure` is one of: timeout, refused_address, dns, connect, tls, cut, protocol, redirect, status; None when the
    receiver said 2xx. `detail` is a sentence for the webhook's owner; `excerpt` the first 1,024 bytes of the answer.
    """

    status: int | None
    took_ms: int
    failure: str | None
    detail: str
    excerpt: str = ""
    retry_after_s: float | None = None

    @property
    def is_success(self) -> bool:
        return self.failure is None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver said that it wants no more (410)."""
        return self.status == 410


class Sender:
    """Makes attempts, any number at once, on one event loop; keeps connections between them for a few seconds."""

    def __init__(
        self, *, allow_private: bool, trust: ssl.SSLContext | None = None, wire: AsyncNetworkBackend | None = None
    ) -> None:
        self._allow_private = allow_private
        self._connections = Connections(allow_private=allow_private, trust=trust, wire=wire)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._connections.aclose()

    async def attempt(
        self, url: str, headers: Mapping[str, str], body: bytes, *, deadline_s: float = 15.0
    ) -> Attempted:
        """POST `body`; `deadline_s` is for name, connection, TLS, sending and answer together."""
        began_s = time.monotonic()
        found = await self._outcome(url, headers, body, deadline_s)
        return replace(found, took_ms=round(1000 * (time.monotonic() - began_s)))

    async def _outcome(self, url: str, headers: Mapping[str, str], body: bytes, deadline_s: float) -> Attempted:
        ends_s = time.monotonic() + deadline_s
        try:
            destination = destination_of(url, allow_private=self._allow_private)
            async with asyncio.timeout(deadline_s):
                begun = await self._answer_to(destination, headers, body, ends_s)
        except WebhookUrlRefused as error:
            return _failed("refused_address", error.message)
        except DestinationUnreachable as error:
            return _failed("dns", str(error))
        except ConnectTimeout:
            return _failed("timeout", "The receiver could not be connected to in time.")
        except TimeoutError:
            return _failed("timeout", f"The receiver did not answer within {deadline_s:g} s.")
        except TlsFailed as error:
            return _failed("tls", f"No trusted connection to the receiver could be made: {error}.")
        except ConnectError:
            return _failed("connect", "The receiver could not be connected to.")
        return begun if isinstance(begun, Attempted) else await self._read(*begun, ends_s)

    async def _answer_to(
        self, destination: Destination, headers: Mapping[str, str], body: bytes, ends_s: float
    ) -> "Attempted | _Begun":
        """Send, and return the answer once its status line and headers are here."""
        request = _request(destination, headers, body)
        connection = await self._connections.take(destination, deadline_s=ends_s - time.monotonic())
        try:
            return connection, await connection.http.handle_async_request(request)
        except (NetworkError, RemoteProtocolError):
            if not connection.is_reused or connection.line.heard_bytes:
                return _unanswered(connection)
        # The receiver closed the connection while it rested, which says nothing about this delivery.
        connection = await self._connections.take(destination, deadline_s=ends_s - time.monotonic(), anew=True)
        try:
            return connection, await connection.http.handle_async_request(request)
        except (NetworkError, RemoteProtocolError):
            return _unanswered(connection)

    async def _read(self, connection: Connection, response: Response, ends_s: float) -> Attempted:
        """Read the beginning of the body. Whatever becomes of it, the status has come, and it alone decides."""
        body = bytearray()
        left_s = max(0.0, min(_EXCERPT_S, ends_s - time.monotonic()))
        try:
            async with asyncio.timeout(left_s):
                async for chunk in response.aiter_stream():
                    body += chunk
                    if len(body) > EXCERPT_BYTES:
                        break
        except (TimeoutError, NetworkError, RemoteProtocolError):
            pass
        finally:
            await response.aclose()
            await self._connections.give_back(connection)
        return _answered(response, bytes(body))


_Begun = tuple[Connection, Response]


async def attempt(
    url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool, deadline_s: float = 15.0
) -> Attempted:
    """Make one attempt on a connection of its own. See `Sender` for many."""
    async with Sender(allow_private=allow_private) as sender:
        return await sender.attempt(url, headers, body, deadline_s=deadline_s)


def retry_after_s(said: str) -> float | None:
    """Return how long a Retry-After asks to wait, in seconds to 24 h, from seconds or a date; None: neither."""
    said = said.strip()
    if said.isascii() and said.isdigit():
        return min(float(said), RETRY_AFTER_MOST_S)
    try:
        wait_s = parsedate_to_datetime(said).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), RETRY_AFTER_MOST_S)


def _request(destination: Destination, headers: Mapping[str, str], body: bytes) -> Request:
    given = [(name, value) for name, value in headers.items() if name.lower() not in _OURS]
    ours = [("Host", destination.authority), ("Content-Length", str(len(body))), ("Accept-Encoding", "identity")]
    return Request(
        "POST",
        URL(
            scheme=destination.scheme.encode(),
            host=destination.host.encode(),
            port=destination.port,
            target=destination.target.encode(),
        ),
        headers=[(name.encode(), value.encode()) for name, value in ours + given],
        content=_Body(body),
    )


class _Body:
    """The bytes of a request, as httpcore takes them without making a header of its own."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def _unanswered(connection: Connection) -> Attempted:
    if connection.line.was_ended:
        return _failed("cut", "The receiver ended the connection before it had answered.")
    return _failed("protocol", "What the receiver answered is not an answer of HTTP/1.1.")


def _answered(response: Response, body: bytes) -> Attempted:
    status = response.status
    excerpt = _text(body)
    if 200 <= status < 300:
        return Attempted(status, 0, None, f"The receiver accepted it with {status}.", excerpt)
    wait = next((value.decode("latin-1") for name, value in response.headers if name.lower() == b"retry-after"), "")
    if 300 <= status < 400:
        detail = f"The receiver answered {status}, a redirect; none is followed. Register the address it leads to."
    elif status == 410:
        detail = "The receiver answered 410: it wants no more deliveries."
    else:
        detail = f"The receiver answered {status}; only 2xx counts as accepted."
    failure = "redirect" if 300 <= status < 400 else "status"
    return Attempted(status, 0, failure, detail, excerpt, retry_after_s(wait))


def _failed(failure: str, detail: str) -> Attempted:
    return Attempted(None, 0, failure, detail)


def _text(body: bytes) -> str:
    """Return the beginning of an answer as text that any database takes: no control characters, no half character."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return _UNPRINTABLE.sub("\ufffd", decoder.decode(body[:EXCERPT_BYTES], final=len(body) <= EXCERPT_BYTES))
