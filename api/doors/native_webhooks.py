"""The native door's webhook endpoints: who is told of an account's clones, and under which secret."""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Path
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import idempotency
from api.auth import requires
from api.doors import native_answers as answers
from api.doors import native_webhook_answers as told
from api.doors.native_shapes import EXAMPLES
from api.doors.native_webhook_answers import CHANGE_BODY, CREATE_BODY, endpoint_shape
from api.envelope import success
from api.idempotency import json_fingerprint, reserved
from api.intake.document import receive_document
from api.webhooks import CHANGEABLE, FIELDS, endpoint_change, endpoint_order, ignored, vet
from shared.errors import NotFound
from shared.keys import Caller, Scope
from shared.services import Services
from shared.webhooks import endpoints, keyring
from shared.webhooks.endpoints import DEFAULT, EndpointView

router = APIRouter(prefix="/api/v2", tags=["Webhooks"], responses=EXAMPLES)

T = TypeVar("T")
_EXAMPLE: Final = '{"url": "https://example.com/hook"}'

Manager = Annotated[Caller, Depends(requires(Scope.WEBHOOKS))]
EndpointId = Annotated[str, Path(description="The endpoint's id, `whe_…`")]


def services_of(request: Request) -> Services:
    """Return the opened services of this process."""
    services: Services = request.app.state.services
    return services


async def received(request: Request, example: str = _EXAMPLE) -> dict[str, Any]:
    """Return the JSON object of a request. Raises: what `receive_document` raises."""
    rate_bytes_s = services_of(request).settings.upload_min_rate_kib_s * 1024
    return await receive_document(request, min_rate_bytes_s=rate_bytes_s, example=example)


@router.post(
    "/webhook-endpoints",
    status_code=201,
    response_model=answers.Told[told.NewEndpoint],
    openapi_extra={"requestBody": CREATE_BODY, "parameters": [idempotency.PARAMETER]},
    summary="Be told by webhook",
)
async def create_endpoint(request: Request, caller: Manager) -> Response:
    """Make an endpoint that is told of the account's clones from now on. Its secret is shown in this answer only."""
    services = services_of(request)
    async with reserved(request, caller) as reservation:
        document = await received(request)
        fingerprint = json_fingerprint(request, document)
        if reservation.is_completed:
            return reservation.replay(fingerprint, services.vault)
        order = endpoint_order(document)

        def commit() -> Response:
            vet(order.url, services.settings)
            with services.database.write() as session:
                view, secret = endpoints.create(session, services.vault, caller.account_id, order)
                shape = endpoint_shape(view, secret)
                if ignored(document, FIELDS):
                    shape["ignoredFields"] = ignored(document, FIELDS)
                answered = success(shape, "Webhook endpoint created; the secret is shown this once", status=201)
                reservation.complete(session, fingerprint, answered, vault=services.vault)
                return answered

        return await run_in_threadpool(commit)


@router.get("/webhook-endpoints", response_model=answers.Answer[told.Endpoints], summary="List webhook endpoints")
def list_endpoints(request: Request, caller: Manager) -> JSONResponse:
    """Return the account's endpoints, oldest first, without their secrets."""
    with services_of(request).database.read() as session:
        found = endpoints.page(session, caller.account_id)
    return success({"endpoints": [endpoint_shape(view) for view in found]})


@router.get(
    "/webhook-endpoints/default",
    response_model=answers.Answer[told.Endpoint],
    summary="What signs `callback_url`",
)
def get_default(request: Request, caller: Manager) -> JSONResponse:
    """Return the keeper of the secret that deliveries to every `callback_url` are signed with."""
    services = services_of(request)

    def get(session: Session) -> EndpointView:
        keyring.ensure_default(session, services.vault, caller.account_id)
        return endpoints.get(session, caller.account_id, DEFAULT)

    return success(endpoint_shape(_written(services, get)))


@router.post(
    "/webhook-endpoints/default",
    response_model=answers.Told[told.EndpointWithSecret],
    summary="New secret for `callback_url`",
)
def rotate_default(request: Request, caller: Manager) -> JSONResponse:
    """Make a new secret for deliveries to every `callback_url` and show it, this once.

    The former signs beside it for a day; one before that no more.
    """
    return _rotated(request, caller, DEFAULT)


@router.get(
    "/webhook-endpoints/{endpoint_id}",
    response_model=answers.Answer[told.Endpoint],
    summary="Get a webhook endpoint",
)
def get_endpoint(request: Request, caller: Manager, endpoint_id: EndpointId) -> JSONResponse:
    """Return one endpoint, without its secret."""
    with services_of(request).database.read() as session:
        return success(endpoint_shape(endpoints.get(session, caller.account_id, endpoint_id)))


@router.patch(
    "/webhook-endpoints/{endpoint_id}",
    response_model=answers.Told[told.TakenEndpoint],
    openapi_extra={"requestBody": CHANGE_BODY},
    summary="Change a webhook endpoint",
)
async def change_endpoint(request: Request, caller: Manager, endpoint_id: EndpointId) -> JSONResponse:
    """Change where an endpoint is, what it is told of, or whether it is called; what waits for it goes there too."""
    services = services_of(request)
    document = await received(request)
    wish = endpoint_change(document)
    _refuse_default(endpoint_id)

    def commit() -> JSONResponse:
        vet(wish.url, services.settings)
        view = _written(services, lambda session: endpoints.change(session, caller.account_id, endpoint_id, wish))
        shape = endpoint_shape(view)
        if ignored(document, CHANGEABLE):
            shape["ignoredFields"] = ignored(document, CHANGEABLE)
        return success(shape, "Webhook endpoint changed")

    return await run_in_threadpool(commit)


@router.delete("/webhook-endpoints/{endpoint_id}", response_model=answers.Deleted, summary="Delete a webhook endpoint")
def delete_endpoint(request: Request, caller: Manager, endpoint_id: EndpointId) -> JSONResponse:
    """Tell an endpoint nothing more and forget what it was told."""
    _refuse_default(endpoint_id)
    _written(services_of(request), lambda session: endpoints.delete(session, caller.account_id, endpoint_id))
    return JSONResponse({"success": True, "message": "Webhook endpoint deleted", "deleted_id": endpoint_id})


@router.post(
    "/webhook-endpoints/{endpoint_id}/rotate",
    response_model=answers.Told[told.EndpointWithSecret],
    summary="New secret for an endpoint",
)
def rotate_endpoint(request: Request, caller: Manager, endpoint_id: EndpointId) -> JSONResponse:
    """Make a new secret for an endpoint and show it, this once.

    The former signs beside it for a day; one before that no more.
    """
    return _rotated(request, caller, endpoint_id)


def _rotated(request: Request, caller: Caller, endpoint_id: str) -> JSONResponse:
    services = services_of(request)
    view, secret = _written(
        services, lambda session: keyring.rotate(session, services.vault, caller.account_id, endpoint_id)
    )
    return success(
        endpoint_shape(view, secret), "New secret made; it is shown this once, and the former signs for a day"
    )


def _written(services: Services, change: Callable[[Session], T]) -> T:
    with services.database.write() as session:
        return change(session)


def _refuse_default(endpoint_id: str) -> None:
    if endpoint_id == DEFAULT:
        raise NotFound("'default' only keeps the secret of every callback_url: it can be looked at and rotated.")
