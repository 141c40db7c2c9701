"""Connections to receivers, kept for a few seconds between deliveries to the same scheme, host and port.

Each was vetted when it was dialled and leads where it led then, whatever its name says now. One that the receiver has
closed or spoken on unasked is not used again.
"""

import ssl
import time
from dataclasses import dataclass
from typing import Final

import httpx
from httpcore import AsyncHTTP11Connection, AsyncNetworkBackend, Origin

from shared.webhooks.destinations import Destination
from worker.callbacks.dialing import Line, VettedBackend

_REST_S: Final = 4.0  # many servers close after 5 s; what is closed on the way costs another dial
_Key = tuple[str, str, int]  # scheme, host, port
_MOST_RESTING: Final = 128
_MOST_RESTING_AT_ONE: Final = 16
_CONNECT_S: Final = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """A connection in the hands of one attempt."""

    http: AsyncHTTP11Connection
    line: Line
    key: _Key
    is_reused: bool = False


class Connections:
    """Dials and keeps connections, for one event loop. `trust` says which certificates are believed."""

    def __init__(
        self, *, allow_private: bool, trust: ssl.SSLContext | None = None, wire: AsyncNetworkBackend | None = None
    ) -> None:
        self._backend = VettedBackend(allow_private=allow_private, wire=wire)
        self._trust = trust
        self._resting: dict[_Key, list[Connection]] = {}
        self._swept_s = time.monotonic()

    async def take(self, destination: Destination, *, deadline_s: float, anew: bool = False) -> Connection:
        """Return a connection that rests, or dial one; `anew` dials in any case.

        Raises: WebhookUrlRefused, DestinationUnreachable, httpcore.ConnectError, httpcore.ConnectTimeout, TlsFailed.
        """
        key = (destination.scheme, destination.host, destination.port)
        resting = self._resting.get(key, [])
        while resting and not anew:
            found = resting.pop()
            if not (found.http.is_closed() or found.http.has_expired()):
                found.line.begin()
                return Connection(found.http, found.line, key, is_reused=True)
            await found.http.aclose()
        return await self._dial(destination, key, min(_CONNECT_S, deadline_s))

    async def give_back(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end; close every other."""
        await self._sweep()
        resting = self._resting.setdefault(connection.key, [])
        is_room = len(resting) < _MOST_RESTING_AT_ONE and sum(map(len, self._resting.values())) < _MOST_RESTING
        # What is left of a read belongs to no request; it would be taken for the next one's answer.
        is_clean = connection.http.is_idle() and not connection.http._h11_state.trailing_data[0]
        if is_room and is_clean:
            resting.append(connection)
        else:
            await connection.http.aclose()

    async def aclose(self) -> None:
        """Close what rests."""
        resting, self._resting = self._resting, {}
        for connections in resting.values():
            for connection in connections:
                await connection.http.aclose()

    async def _dial(self, destination: Destination, key: _Key, connect_s: float) -> Connection:
        line = await self._backend.connect_tcp(destination.host, destination.port, timeout=connect_s)
        if destination.scheme == "https":
            if self._trust is None:
                self._trust = httpx.create_ssl_context()
            try:
                line = await line.start_tls(self._trust, server_hostname=destination.host, timeout=connect_s)
            except BaseException:  # also when the attempt's deadline ends it
                await line.aclose()
                raise
        origin = Origin(destination.scheme.encode(), destination.host.encode(), destination.port)
        http = AsyncHTTP11Connection(origin=origin, stream=line, keepalive_expiry=_REST_S)
        return Connection(http, line, key)

    async def _sweep(self) -> None:
        if time.monotonic() - self._swept_s < _REST_S:
            return
        self._swept_s = time.monotonic()
        for key, connections in list(self._resting.items()):
            over = [one for one in connections if one.http.is_closed() or one.http.has_expired()]
            self._resting[key] = [one for one in connections if one not in over]
            if not self._resting[key]:
                del self._resting[key]
            for one in over:
                await one.http.aclose()
