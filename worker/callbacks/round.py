"""A round: one claim of an endpoint's line, from the first parcel until nothing is due.

Several parcels are under way at once, more with every one that is accepted and one only to a receiver that fails, so
that who hangs costs little. What came back is settled in groups, under the fence of the claim.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy.orm import Session

from shared import log, metrics
from shared.errors import SetupError
from shared.vault import Vault
from shared.webhooks import keyring, lines
from shared.webhooks.lines import Line
from shared.webhooks.parcels import Heard, Parcel
from shared.webhooks.schedule import Patience
from shared.webhooks.signing import signed
from worker.callbacks.attempt import Sender

ATTEMPT_S: Final = 15.0
_FIRST_WIDTH: Final = 2
_WIDEST: Final = 16
_UNSEALABLE_REST_S: Final = 60.0

T = TypeVar("T")
_logger = log.get(__name__)


class Write(Protocol):
    """Does something in one transaction, beside the event loop."""

    def __call__(self, change: Callable[[Session], T], /) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Post:
    """What a round works with. `rung`: something new may be due; `stopping`: nothing more is begun."""

    write: Write
    vault: Vault
    sender: Sender
    patience: Patience
    lease_s: float
    flights: asyncio.Semaphore
    rung: asyncio.Event
    stopping: asyncio.Event


class Round:
    """Serves one line while it is ours."""

    def __init__(self, post: Post, line: Line) -> None:
        self._post = post
        self._line = line
        self._keys: tuple[str, ...] = ()
        self._flying: dict[asyncio.Task[Heard], Parcel] = {}
        self._width = 1 if line.is_failing else _FIRST_WIDTH
        self._renewed_at_s = time.monotonic()

    async def run(self) -> bool:
        """Deliver until nothing is due; tell whether something is again, as the line was let go.

        Raises: ClaimLost, DatabaseUnavailable.
        """
        try:
            await self._deliver()
        except SetupError as error:
            _logger.error("secret_unusable", endpoint=self._line.endpoint_id, reason=error.message)
            await self._post.write(lambda session: lines.release(session, self._line, pause_s=_UNSEALABLE_REST_S))
            return False
        except asyncio.CancelledError:  # the worker is at its end: what is under way will be sent again
            await self._post.write(lambda session: lines.release(session, self._line))
            raise
        finally:
            for flight in self._flying:
                flight.cancel()
        return await self._post.write(lambda session: lines.release(session, self._line)) and self._may_begin

    @property
    def _may_begin(self) -> bool:
        return self._line.is_called and not self._post.stopping.is_set()

    async def _deliver(self) -> None:
        landed: list[Heard] = []
        while True:
            self._post.rung.clear()
            if landed or self._has_room or time.monotonic() - self._renewed_at_s > self._post.lease_s / 3:
                for parcel in await self._post.write(lambda session: self._turn(session, landed)):  # noqa: B023 - awaited
                    self._flying[asyncio.ensure_future(self._fly(parcel))] = parcel
            if not self._flying:
                return
            await self._wait()
            landed = [flight.result() for flight in self._flying if flight.done()]
            self._flying = {flight: parcel for flight, parcel in self._flying.items() if not flight.done()}

    @property
    def _has_room(self) -> bool:
        return self._may_begin and len(self._flying) < self._width

    def _turn(self, session: Session, landed: list[Heard]) -> tuple[Parcel, ...]:
        """Settle what landed, or show a sign of life, and return what is to be sent now: one transaction for both."""
        began_s = time.monotonic()
        if landed:
            line = lines.settle(session, self._line, landed, self._post.patience, lease_s=self._post.lease_s)
        else:
            line = self._line
            lines.renew(session, line, self._post.lease_s)
        self._line, self._renewed_at_s = line, began_s
        self._adapt(landed)
        return self._next(session) if self._has_room else ()

    def _next(self, session: Session) -> tuple[Parcel, ...]:
        """Return what is due, with the secrets as they are now."""
        in_hand = [parcel.id for parcel in self._flying.values()]
        found = lines.due(session, self._line, most=self._width - len(in_hand), but=in_hand)
        if found:
            self._keys = keyring.signing_keys(session, self._post.vault, self._line.endpoint_id)
            if not self._keys:
                keyring.ensure_default(session, self._post.vault, self._line.account_id)
                self._keys = keyring.signing_keys(session, self._post.vault, self._line.endpoint_id)
        return found

    async def _wait(self) -> None:
        """Wait until something lands, something new may be due, or it is time for a sign of life."""
        rung = asyncio.ensure_future(self._post.rung.wait())
        try:
            await asyncio.wait(
                [*self._flying, rung], timeout=self._post.lease_s / 3 + 0.1, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            rung.cancel()

    def _adapt(self, landed: list[Heard]) -> None:
        is_failing = any(one.failure is not None for one in landed)
        self._width = 1 if is_failing else min(_WIDEST, self._width + len(landed))

    async def _fly(self, parcel: Parcel) -> Heard:
        async with self._post.flights:
            at, body = datetime.now(UTC), parcel.body.encode()
            headers: dict[str, Any] = signed(parcel.id, int(time.time()), body, self._keys)
            headers |= {"content-type": "application/json", "user-agent": "clonepipe"}
            found = await self._post.sender.attempt(self._line.url or "", headers, body, deadline_s=ATTEMPT_S)
        metrics.DELIVERIES.labels(found.failure or "accepted").inc()
        if found.failure is not None:
            _logger.info("delivery_failed", delivery=parcel.id, endpoint=self._line.endpoint_id, failure=found.failure)
        return Heard(
            parcel, at, found.status, found.took_ms, found.failure, found.detail, found.excerpt, found.retry_after_s
        )
