"""The native door's adoption: a voice that exists at a vendor becomes a clone here."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import idempotency
from api.adoption import adoption_order, look_up
from api.doors import native_answers as answers
from api.doors.native import Creator
from api.doors.native_shapes import EXAMPLES, clone_shape
from api.envelope import success
from api.idempotency import json_fingerprint, reserved
from api.intake.document import receive_document
from shared import views
from shared.services import Services

router = APIRouter(prefix="/api/v2", tags=["Voice clones"], responses=EXAMPLES)

_EXAMPLE: Final = '{"vendor": "elevenlabs", "voiceId": "21m00Tcm4TlvDq8ikWAM"}'
ADOPT_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["vendor", "voiceId"],
                "properties": {
                    "vendor": {"type": "string", "description": "Who trained the voice; see GET /api/v2/vendors"},
                    "engine": {"type": "string", "description": "Which of its products; left out: as the vendor says"},
                    "voiceId": {"type": "string", "maxLength": 255, "description": "The voice's id at the vendor"},
                    "name": {"type": "string", "description": "What the clone is called here; left out: as there"},
                },
            }
        }
    },
}


@router.post(
    "/voice-clones/adopt",
    status_code=201,
    response_model=answers.Told[answers.TakenClone],
    openapi_extra={"requestBody": ADOPT_BODY, "parameters": [idempotency.PARAMETER]},
    summary="Adopt a voice that exists at a vendor",
)
async def adopt(request: Request, caller: Creator) -> Response:
    """Look a voice up at its vendor and make it a clone here: ready, with the samples that the vendor lists."""
    services: Services = request.app.state.services
    async with reserved(request, caller) as reservation:
        rate_bytes_s = services.settings.upload_min_rate_kib_s * 1024
        document = await receive_document(request, min_rate_bytes_s=rate_bytes_s, example=_EXAMPLE)
        fingerprint = json_fingerprint(request, document)
        if reservation.is_completed:
            return reservation.replay(fingerprint)
        order = adoption_order(document)

        def commit() -> Response:
            adoptee = look_up(services, caller.account_id, order)
            with services.database.write() as session:
                adoptee.write(session, caller.account_id, max_clones=services.settings.max_clones_per_user)
                shape = clone_shape(views.get(session, caller.account_id, adoptee.clone_id), services.vendors)
                if order.ignored:
                    shape["ignoredFields"] = list(order.ignored)
                answered = success(shape, "Voice adopted", status=201)
                reservation.complete(session, fingerprint, answered, clone_id=adoptee.clone_id)
                return answered

        return await run_in_threadpool(commit)
