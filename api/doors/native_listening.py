"""The native door's listeners: `clonepipe listen` fetches what an endpoint is told and answers for it."""

import asyncio
import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.doors import native_answers as answers
from api.doors import native_webhook_answers as told
from api.doors.native_shapes import EXAMPLES
from api.doors.native_webhook_answers import LISTEN_BODY, SETTLE_BODY, endpoint_shape
from api.doors.native_webhooks import EndpointId, Manager, received, services_of
from api.envelope import success
from api.webhooks import listener_answers, listener_order
from shared.services import Services
from shared.webhooks import endpoints, listening
from shared.webhooks.listening import Fetched
from shared.webhooks.schedule import Patience

router = APIRouter(prefix="/api/v2", tags=["Webhooks"], responses=EXAMPLES)

_LOOK_EVERY_S: Final = 0.5


@router.post(
    "/webhook-listeners",
    status_code=201,
    response_model=answers.Told[told.EndpointWithSecret],
    openapi_extra={"requestBody": LISTEN_BODY},
    summary="Listen",
)
async def listen(request: Request, caller: Manager) -> JSONResponse:
    """Make an endpoint that nobody calls: what it is told is fetched. Unused for a day, it is deleted."""
    services = services_of(request)
    document = await received(request, '{"eventTypes": ["voice_clone.ready"]}')
    order = listener_order(document)

    def commit() -> JSONResponse:
        with services.database.write() as session:
            view, secret = endpoints.create(session, services.vault, caller.account_id, order)
        return success(endpoint_shape(view, secret), "Listening; the secret is shown this once", status=201)

    return await run_in_threadpool(commit)


@router.post(
    "/webhook-listeners/{endpoint_id}/fetch",
    response_model=answers.Answer[told.Fetched],
    summary="Fetch what a listener is told",
)
async def fetch(
    request: Request,
    caller: Manager,
    endpoint_id: EndpointId,
    wait: Annotated[int, Query(ge=0, le=30, description="Seconds to wait where nothing is due yet")] = 0,
) -> JSONResponse:
    """Return what is due, signed, to be answered for within a minute; nothing after `wait` seconds without any."""
    services, ends_s = services_of(request), time.monotonic() + wait
    while True:
        fetched = await run_in_threadpool(_fetch, services, caller.account_id, endpoint_id)
        is_over = time.monotonic() >= ends_s or request.app.state.is_ending
        if fetched is not None or is_over or await request.is_disconnected():
            return success(_shape(fetched))
        await asyncio.sleep(_LOOK_EVERY_S)


@router.post(
    "/webhook-listeners/{endpoint_id}/settle",
    response_model=answers.Answer[told.Settled],
    openapi_extra={"requestBody": SETTLE_BODY},
    summary="Answer for what was fetched",
)
async def settle(request: Request, caller: Manager, endpoint_id: EndpointId) -> JSONResponse:
    """Say what became of what was fetched; what is not accepted comes again by the schedule."""
    services = services_of(request)
    document = await received(request, '{"lease": 1, "answers": []}')
    lease, found = listener_answers(document)

    def commit() -> None:
        patience = Patience(services.settings.webhook_time_scale)
        with services.database.write() as session:
            listening.answer(session, caller.account_id, endpoint_id, lease, found, patience)

    await run_in_threadpool(commit)
    return success({"settled": len(found)})


def _fetch(services: Services, account_id: str, endpoint_id: str) -> Fetched | None:
    with services.database.write() as session:
        return listening.fetch(session, services.vault, account_id, endpoint_id)


def _shape(fetched: Fetched | None) -> dict[str, Any]:
    if fetched is None:
        return {"lease": None, "deliveries": []}
    return {
        "lease": fetched.lease,
        "deliveries": [
            {"deliveryId": one.parcel.id, "type": one.parcel.type, "headers": one.headers, "body": one.parcel.body}
            for one in fetched.parcels
        ],
    }
