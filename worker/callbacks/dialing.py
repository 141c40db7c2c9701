"""Dialling a webhook's receiver: its name is resolved once, every address is vetted, and one of those is dialled.

The name stays with TLS, which sends it and checks the certificate against it. No proxy of the environment and no unix
socket comes between, so that where a connection leads is decided here and nowhere else.
"""

import asyncio
import ssl
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any, Final

from httpcore import (
    SOCKET_OPTION,
    AnyIOBackend,
    AsyncNetworkBackend,
    AsyncNetworkStream,
    ConnectError,
    ConnectTimeout,
    RemoteProtocolError,
)
from typing_extensions import override

from shared.webhooks.destinations import resolve

_MOST_ADDRESSES: Final = 4  # that are tried: with more, none would have the time to answer
_CONNECT_S: Final = 10.0
_ANSWER_HEAD_BYTES: Final = 256 * 1024


class TlsFailed(ConnectError):
    """The receiver was reached, but no trusted connection could be made with it. Its text is for the owner."""


class VettedBackend(AsyncNetworkBackend):
    """Connects to vetted addresses only. `wire` carries bytes to an address, and is never asked for a name."""

    def __init__(self, *, allow_private: bool, wire: AsyncNetworkBackend | None = None) -> None:
        self._allow_private = allow_private
        self._wire = wire or AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> "Line":
        """Connect to the first of a host's addresses that answers, each within its share of `timeout` (seconds).

        Raises: WebhookUrlRefused, DestinationUnreachable, httpcore.ConnectError, httpcore.ConnectTimeout.
        """
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + (_CONNECT_S if timeout is None else timeout)
        addresses = _in_turn(await resolve(host, port, allow_private=self._allow_private))
        last: Exception = ConnectTimeout("no time was left")
        for number, address in enumerate(addresses):
            share_s = (ends_s - loop.time()) / (len(addresses) - number)
            if share_s <= 0:
                break
            try:
                return Line(await self._wire.connect_tcp(address, port, share_s, local_address, socket_options))
            except (ConnectError, ConnectTimeout) as error:
                last = error
        raise last

    @override
    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SOCKET_OPTION] | None = None
    ) -> AsyncNetworkStream:
        """Refuse: no webhook goes to a socket of this machine."""
        raise ConnectError("no webhook goes to a unix socket")

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Line(AsyncNetworkStream):
    """A connection that knows how much was heard since the last request, and bounds what comes before an answer."""

    def __init__(self, stream: AsyncNetworkStream) -> None:
        self._stream = stream
        self.heard_bytes = 0
        self.was_ended = False

    def begin(self) -> None:
        """Begin to count anew, for the next request."""
        self.heard_bytes = 0

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            found = await self._stream.read(max_bytes, timeout)
        except Exception:
            self.was_ended = True
            raise
        self.was_ended = not found
        self.heard_bytes += len(found)
        if self.heard_bytes > _ANSWER_HEAD_BYTES:  # interim answers (1xx) without end; bodies are left long before
            raise RemoteProtocolError("more was sent than any answer needs")
        return found

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    @override
    async def aclose(self) -> None:
        await self._stream.aclose()

    @override
    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Line":
        """Begin TLS. Raises: TlsFailed; httpcore.ConnectTimeout."""
        try:
            return Line(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except ConnectTimeout:
            raise
        except (ConnectError, OSError, ssl.CertificateError) as error:
            raise TlsFailed(_tls_words(error)) from error

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _in_turn(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses to try: families by turns, beginning with the resolver's first."""
    first = [one for one in addresses if (":" in one) == (":" in addresses[0])]
    other = [one for one in addresses if one not in first]
    turns = chain.from_iterable(zip_longest(first, other))
    return tuple(one for one in turns if one is not None)[:_MOST_ADDRESSES]


def _tls_words(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {error.verify_message.rstrip('.')}"
        if isinstance(error, ssl.SSLError) and error.reason:
            return error.reason.replace("_", " ").lower()
        error = error.__cause__ or error.__context__
    return "it ended the handshake"
