"""`Idempotency-Key` on requests that create: the same request again makes nothing and gets the first answer again.

    async with reserved(request, caller) as reservation:       committed before the body is read
        …receive and check the request…
        fingerprint = json_fingerprint(request, body)          or form_fingerprint
        if reservation.is_completed:
            return reservation.replay(fingerprint)
        with database.write() as session:
            …create…
            reservation.complete(session, fingerprint, answer) in the transaction that creates

A refusal gives the key back. Only where a commit's outcome is unknown does the reservation stay until its lease
lapses: the retry after that finds the completed key, or takes it over.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from shared import idempotency, log
from shared.db.engine import Database
from shared.errors import DatabaseUnavailable, IdempotencyKeyReused, IdempotentCloneDeleted, InvalidField
from shared.idempotency import KeptAnswer, Reservation
from shared.keys import Caller
from shared.services import Services
from shared.vault import Vault

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
PARAMETER: Final[dict[str, Any]] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "A word of your own, new for everything new, the same for every retry: what was created is created "
    "once, and a retry gets the first answer again, or 410 when the clone was deleted since. Kept for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_RELEASE_AGAIN_S: Final = 1.0
_releasing: Final[set[asyncio.Task[None]]] = set()
_KEY: Final = re.compile(r"[!-~]{1,255}")
_logger = log.get(__name__)


class Reserved:
    """What this request may do under its key; without a key everything, once."""

    def __init__(self, held: Reservation | KeptAnswer | None) -> None:
        self._held = held
        self.is_settling = False  # an answer was written and its commit was or is about to be tried

    @property
    def is_completed(self) -> bool:
        """Whether an earlier request has earned the key's answer, so that this one must not create."""
        return isinstance(self._held, KeptAnswer)

    def complete(
        self,
        session: Session,
        fingerprint: str,
        answer: Response,
        *,
        clone_id: str | None = None,
        vault: Vault | None = None,
    ) -> None:
        """Keep a successful JSON answer in the transaction that creates; `clone_id` is the clone that it tells of.

        An answer that shows a secret is sealed with `vault`, here and in `replay`.
        Raises: IdempotencyInFlight: the lease lapsed and another request took over; the transaction must not commit.
        """
        if isinstance(self._held, Reservation):
            body = bytes(answer.body).decode()
            if vault is not None:
                body = vault.seal(body, of=fingerprint)
            kept = KeptAnswer(fingerprint, answer.status_code, body)
            idempotency.complete(session, self._held, kept, clone_id=clone_id)
            self.is_settling = True

    def replay(self, fingerprint: str, vault: Vault | None = None) -> Response:
        """Return the first answer again.

        Raises: IdempotencyKeyReused: this request asks for something else; IdempotentCloneDeleted: what the first one
        created was deleted since, and its answer forgotten.
        """
        assert isinstance(self._held, KeptAnswer)
        if self._held.fingerprint != fingerprint:
            raise IdempotencyKeyReused(
                f"This {HEADER} was used within the last day for a request with other fields or files. "
                "Use a new key for a new request, and the same content for a retry."
            )
        if self._held.body is None:
            raise IdempotentCloneDeleted(
                f"What this {HEADER} created was deleted since, and the answer that told of it is forgotten. "
                "To create it anew, use a new key."
            )
        body = self._held.body if vault is None else vault.open(self._held.body, of=fingerprint)
        return Response(body, self._held.status, headers={REPLAYED: "true"}, media_type="application/json")


@asynccontextmanager
async def reserved(request: Request, caller: Caller) -> AsyncIterator[Reserved]:
    """Hold the request's key, if it has one, for the length of the block.

    Raises: InvalidField: for an unusable key; IdempotencyInFlight, DatabaseUnavailable.
    """
    key = _presented(request)
    if key is None:
        yield Reserved(None)
        return
    services: Services = request.app.state.services
    held = await run_in_threadpool(_reserve, services.database, caller.account_id, key)
    outcome = Reserved(held)
    if isinstance(held, KeptAnswer):
        yield outcome
        return
    heart = asyncio.create_task(_keep_alive(services.database, held))
    try:
        yield outcome
    except BaseException as error:
        if not (outcome.is_settling and isinstance(error, DatabaseUnavailable)):
            with anyio.CancelScope(shield=True):
                await _stop(heart)
                if not await run_in_threadpool(_release, services.database, held):
                    _release_later(services.database, held)
        raise
    finally:
        await _stop(heart)


def form_fingerprint(
    request: Request, fields: Mapping[str, Sequence[str]], files: Iterable[tuple[str, str, str]]
) -> str:
    """Return what a form is known by; `files` are (field, file name, SHA-256) in their order.

    Not the raw body: its boundary is another one on every retry.
    """
    named = sorted((name, list(values)) for name, values in fields.items())
    return _fingerprint(request, {"fields": named, "files": [list(file) for file in files]})


def json_fingerprint(request: Request, body: Any) -> str:
    """Return what a JSON body is known by, whatever the order and spacing of its members."""
    return _fingerprint(request, {"json": body})


def _fingerprint(request: Request, content: Mapping[str, Any]) -> str:
    whole = {"method": request.method, "path": request.url.path, **content}
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _presented(request: Request) -> str | None:
    keys = [value.strip(" \t") for value in request.headers.getlist(HEADER)]  # RFC 9110, 5.5: not part of the value
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        found = f"{len(keys)} headers" if len(keys) > 1 else f"'{keys[0][:40]}' of {len(keys[0])} characters"
        raise InvalidField(
            f"{HEADER} must be one word of 1 to 255 visible ASCII characters, for instance a UUID; found {found}.",
            field=HEADER,
            limit=255,
        )
    return keys[0]


def _reserve(database: Database, account_id: str, key: str) -> Reservation | KeptAnswer:
    with database.write() as session:
        return idempotency.reserve(session, account_id, key)


async def _keep_alive(database: Database, held: Reservation) -> None:
    """Renew the lease until stopped, or until the reservation is another request's."""
    while True:
        await asyncio.sleep(idempotency.RENEW_S)
        try:
            if not await run_in_threadpool(_renew, database, held):
                return
        except DatabaseUnavailable:
            _logger.warning("idempotency_lease_not_renewed")


def _renew(database: Database, held: Reservation) -> bool:
    with database.write() as session:
        return idempotency.renew(session, held)


def _release(database: Database, held: Reservation) -> bool:
    """Give the key back; tell whether that could be written."""
    try:
        with database.write() as session:
            idempotency.release(session, held)
    except DatabaseUnavailable:
        _logger.warning("idempotency_key_not_released")
        return False
    return True


def _release_later(database: Database, held: Reservation) -> None:
    """Give the key back as soon as the database is there again; after its lease it is free by itself."""

    async def try_again() -> None:
        for _ in range(round(idempotency.LEASE_S / _RELEASE_AGAIN_S)):
            await asyncio.sleep(_RELEASE_AGAIN_S)
            if await run_in_threadpool(_release, database, held):
                return

    task = asyncio.create_task(try_again())
    _releasing.add(task)  # the loop itself keeps no task alive
    task.add_done_callback(_releasing.discard)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
