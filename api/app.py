"""The API application: doors, health, documentation, and one error shape for all of them."""

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api import direct, docs, figures, health
from api.doors import (
    native,
    native_adopt,
    native_cancel,
    native_check,
    native_deliveries,
    native_erasure,
    native_events,
    native_extension,
    native_listening,
    native_retry,
    native_samples,
    native_sent,
    native_verification,
    native_webhook_messages,
    native_webhooks,
)
from api.envelope import refusal
from api.figures import Figures
from api.framing import Framing
from api.head import HeadRequests
from api.intake.buffers import BufferPool
from api.intake.checking import CheckRoom
from api.intake.draining import BodyWatch
from api.limits import RateLimitHeaders, RequestLimits
from api.live.feed import Feed, Room
from api.requests import RequestIds
from shared import log
from shared.doorbell import BackgroundBell
from shared.errors import InvalidField, MethodNotAllowed, NotFound, RequestError, ServiceError
from shared.services import Services
from shared.storage.protocol import PART_BYTES
from shared.tally import Tally

DOORS = (
    native_check.router, native_adopt.router, native.router, native_events.router, native_samples.router,
    native_extension.router,
    native_sent.router, native_cancel.router, native_retry.router, native_erasure.router, native_verification.router,
    native_webhooks.router, native_deliveries.router, native_listening.router,
)  # fmt: skip
_CLIENT_LEFT = 499  # nginx's number; nobody reads the answer, the log's line does
_logger = log.get(__name__)


def create_app(services: Services, doorbell: BackgroundBell) -> FastAPI:
    """Return the application over opened services."""
    app = FastAPI(
        title="clonepipe", version="2.0", docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        redirect_slashes=False, dependencies=[Depends(_check_address)],
    )  # fmt: skip
    app.state.services = services
    app.state.doorbell = doorbell
    app.state.is_ending = False
    services.database.listener = doorbell.tell
    app.state.limits = RequestLimits(services.settings)
    app.state.buffers = BufferPool(services.settings.upload_buffers, PART_BYTES)
    app.state.health = health.Health(services, doorbell)
    is_told_elsewhere = services.settings.metrics_port is not None
    app.state.figures = None if is_told_elsewhere else Figures(Tally(services.database, services.vendors))
    app.state.direct = CapacityLimiter(direct.THREADS)
    room = Room(services.settings.max_streams, services.settings.max_streams_per_key)
    app.state.feed = Feed(services.database, doorbell.broker_url, room=room)
    app.state.checks = CheckRoom(services.settings)
    for router in DOORS:
        app.include_router(router)
    app.webhooks.include_router(native_webhook_messages.router)
    docs.describe(app)
    app.router.routes.extend([*health.ROUTES, *figures.ROUTES, *docs.ROUTES])
    app.add_middleware(HeadRequests)
    app.add_middleware(Framing)
    app.add_middleware(BodyWatch)
    app.add_middleware(RateLimitHeaders)
    app.add_middleware(RequestIds)
    app.add_exception_handler(ServiceError, _named)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _left)
    return app


async def _check_address(request: Request) -> None:
    """Refuse an id that no row can have: PostgreSQL does not even look for a NUL. Raises: NotFound."""
    if "\0" in request.scope["path"]:
        raise NotFound


async def _named(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    if error.status >= 500:
        _logger.warning("refused", code=error.code)
    return refusal(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "body"
    return refusal(request, InvalidField(f"'{field}': {first['msg']}.", field=field))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            return refusal(request, NotFound("There is nothing at this address; the operations are listed at /docs."))
        case 405:
            allowed = _allowed(request)
            message = f"{request.method} is not possible here; allowed: {', '.join(allowed)}."
            return refusal(request, MethodNotAllowed(message, allowed=allowed))
        case status if status < 500:
            return refusal(request, RequestError(str(error.detail)))
    return refusal(request, ServiceError())


def _allowed(request: Request) -> list[str]:
    """Return the methods of every route at this path; the framework names only those of the first."""
    found = {
        method
        for router in DOORS
        for route in router.routes
        if isinstance(route, APIRoute) and route.path_regex.match(request.url.path)
        for method in route.methods or ()
    } or {"GET"}
    return sorted(found | {"HEAD"} if "GET" in found else found)


async def _left(request: Request, error: Exception) -> Response:
    # What it had sent is deleted by whoever was receiving it; the request's own line in the log says the rest.
    return Response(status_code=_CLIENT_LEFT)
