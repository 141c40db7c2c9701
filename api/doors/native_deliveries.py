"""The native door's deliveries: what an endpoint was told, how that went, and telling it again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.doors import native_answers as answers
from api.doors import native_webhook_answers as told
from api.doors.native_shapes import EXAMPLES
from api.doors.native_webhook_answers import delivery_shape
from api.doors.native_webhooks import EndpointId, Manager, services_of
from api.envelope import success
from shared.states import DeliveryState
from shared.webhooks import journal

router = APIRouter(prefix="/api/v2", tags=["Webhooks"], responses=EXAMPLES)

DeliveryId = Annotated[str, Path(description="The delivery's id, `msg_…`, as in the header `webhook-id`")]


@router.post(
    "/webhook-endpoints/{endpoint_id}/test",
    status_code=202,
    response_model=answers.Told[told.DeliveryWithBody],
    summary="Try a webhook endpoint",
)
def test_endpoint(request: Request, caller: Manager, endpoint_id: EndpointId) -> JSONResponse:
    """Send a message of the type `test`; its delivery shows what became of it."""
    with services_of(request).database.write() as session:
        made = journal.test(session, caller.account_id, endpoint_id)
    return success({**delivery_shape(made, endpoint_id), "body": made.body}, "A test message is on its way", status=202)


@router.get(
    "/webhook-endpoints/{endpoint_id}/deliveries",
    response_model=answers.Answer[told.Deliveries],
    summary="What an endpoint was told",
)
def list_deliveries(
    request: Request,
    caller: Manager,
    endpoint_id: EndpointId,
    status: Annotated[DeliveryState | None, Query(description="Only those of this state")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="The most deliveries of one page")] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="How many of the newest to pass over")] = 0,
) -> JSONResponse:
    """Return an endpoint's deliveries of the last 30 days, newest first; `default` has those of every callback_url."""
    with services_of(request).database.read() as session:
        found, total = journal.page(session, caller.account_id, endpoint_id, state=status, limit=limit, offset=offset)
    return success({"deliveries": [delivery_shape(one, endpoint_id) for one in found], "total": total})


@router.get(
    "/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}",
    response_model=answers.Answer[told.DeliveryWithBody],
    summary="Get a delivery",
)
def get_delivery(request: Request, caller: Manager, endpoint_id: EndpointId, delivery_id: DeliveryId) -> JSONResponse:
    """Return one delivery with its content and all attempts."""
    with services_of(request).database.read() as session:
        found = journal.get(session, caller.account_id, endpoint_id, delivery_id)
    return success({**delivery_shape(found, endpoint_id), "body": found.body})


@router.post(
    "/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/replay",
    status_code=202,
    response_model=answers.Told[told.DeliveryWithBody],
    summary="Send a delivery again",
)
def replay_delivery(
    request: Request, caller: Manager, endpoint_id: EndpointId, delivery_id: DeliveryId
) -> JSONResponse:
    """Send a delivery again, whatever became of it: under its id, with the whole schedule before it."""
    with services_of(request).database.write() as session:
        found = journal.replay(session, caller.account_id, endpoint_id, delivery_id)
    return success({**delivery_shape(found, endpoint_id), "body": found.body}, "It is sent again", status=202)
