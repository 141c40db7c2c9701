"""Is this process alive, and can it take work? The broker is reported and never decides: intake works without it."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from shared.db.migrate import is_current
from shared.errors import BrokerUnavailable, ServiceError
from shared.services import Services


async def livez(_request: Request) -> JSONResponse:
    """Answer as long as the process can answer anything."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> JSONResponse:
    """Answer 200 when an upload would be taken, else 503; say what of each part."""
    parts = await run_in_threadpool(_look, request)
    ready = parts["database"] == "ok" and parts["storage"] == "ok"
    state = "ok" if all(part == "ok" for part in parts.values()) else "degraded" if ready else "unavailable"
    return JSONResponse({"status": state, "parts": parts}, 200 if ready else 503)


def _look(request: Request) -> dict[str, str]:
    services: Services = request.app.state.services
    return {
        "database": _database(services),
        "storage": _storage(services),
        "broker": _broker(request),
    }


def _database(services: Services) -> str:
    try:
        return "ok" if is_current(services.database) else "not migrated: run 'clonepipe migrate'"
    except Exception as error:
        return type(error).__name__


def _storage(services: Services) -> str:
    try:
        services.storage.check()
    except ServiceError as error:
        return error.message
    return "ok"


def _broker(request: Request) -> str:
    try:
        request.app.state.doorbell.ping()
    except BrokerUnavailable as error:
        return error.message
    return "ok"


ROUTES = [Route("/livez", livez), Route("/readyz", readyz)]
