"""Is this process alive, and can it take work? The broker is reported and never decides: intake works without it."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from shared import gates
from shared.db.migrate import is_current
from shared.documents import timestamp
from shared.doorbell import BackgroundBell
from shared.errors import BrokerUnavailable, DatabaseUnavailable, ServiceError
from shared.services import Services

ANSWER_WITHIN_S: Final = 4.0  # longer than a part's own timeouts, which say more than that it does not answer
KEPT_S: Final = 1.0
PRIVATE_WEBHOOKS: Final = (
    "CLONEPIPE_ALLOW_PRIVATE_WEBHOOKS is set: webhooks may go to any address, this machine and its network included"
)


class Probe:
    """Looks at one part of the service: once for all who ask meanwhile, and never again while a look is stuck."""

    def __init__(self, name: str, look: Callable[[], str]) -> None:
        self._name = name
        self._look = look
        self._found: Future[str] | None = None
        self._began_s = 0.0
        self._ended_s = 0.0

    async def ask(self) -> str:
        """Return what is found, or was a moment ago; 'does not answer' once a look has taken ANSWER_WITHIN_S."""
        found = self._current()
        if found.done():
            return found.result()
        left_s = self._began_s + ANSWER_WITHIN_S - time.monotonic()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(found), max(left_s, 0.0))
        except TimeoutError:
            return f"{self._name} does not answer"

    def _current(self) -> Future[str]:
        now_s = time.monotonic()
        found = self._found
        if found is not None and (not found.done() or now_s < self._ended_s + KEPT_S):
            return found
        found = Future()
        found.set_running_or_notify_cancel()  # from here on, a caller that stops waiting does not cancel it for others
        # A thread of its own: requests may have taken all of the pool's, and a stuck one must not keep the process.
        Thread(target=self._run, args=(found,), name=f"probe-{self._name}", daemon=True).start()
        self._found, self._began_s = found, now_s
        return found

    def _run(self, found: Future[str]) -> None:
        try:
            word = self._look()
        except BaseException as error:
            self._ended_s = time.monotonic()
            found.set_exception(error)
        else:
            self._ended_s = time.monotonic()
            found.set_result(word)


class Health:
    """What is known of the parts of the service; each is looked at apart, so that one that hangs hides no other."""

    def __init__(self, services: Services, doorbell: BackgroundBell) -> None:
        self._probes = {
            "database": Probe("database", lambda: _database(services)),
            "storage": Probe("storage", lambda: _storage(services)),
            "broker": Probe("broker", lambda: _broker(doorbell)),
            "vendors": Probe("vendors", lambda: _vendors(services)),
        }

    async def parts(self) -> dict[str, str]:
        """Return 'ok' or what is wrong of each part, within ANSWER_WITHIN_S."""
        found = await asyncio.gather(*(probe.ask() for probe in self._probes.values()))
        return dict(zip(self._probes, found, strict=True))


async def livez(_request: Request) -> JSONResponse:
    """Answer as long as the process can answer anything."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> JSONResponse:
    """Answer 200 when an upload would be taken, else 503; say what of each part."""
    health: Health = request.app.state.health
    parts = await health.parts()
    ready = parts["database"] == "ok" and parts["storage"] == "ok"
    state = "ok" if all(part == "ok" for part in parts.values()) else "degraded" if ready else "unavailable"
    services: Services = request.app.state.services
    notices = {"notices": [PRIVATE_WEBHOOKS]} if services.settings.allow_private_webhooks else {}
    return JSONResponse({"status": state, "parts": parts, **notices}, 200 if ready else 503)


def _database(services: Services) -> str:
    try:
        if not is_current(services.database):
            return "not migrated: run 'clonepipe migrate'"
        services.database.check_writable()
    except DatabaseUnavailable as error:
        return error.message
    except Exception as error:
        return type(error).__name__
    return "ok"


def _storage(services: Services) -> str:
    try:
        services.storage.check()
    except ServiceError as error:
        return error.message
    return "ok"


def _vendors(services: Services) -> str:
    """Say which vendors are not called and why: like the broker they never decide, because work waits for them."""
    try:
        with services.database.read() as session:
            shut = gates.shut(session)
    except DatabaseUnavailable as error:
        return error.message
    return "; ".join(f"{gate.name} until {timestamp(gate.until)}: {gate.reason}" for gate in shut) or "ok"


def _broker(doorbell: BackgroundBell) -> str:
    try:
        doorbell.ping()
    except BrokerUnavailable as error:
        return error.message
    return "ok"


ROUTES = [Route("/livez", livez), Route("/readyz", readyz)]
