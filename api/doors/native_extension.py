"""The native door's changes of a voice: recordings added to it, single samples taken away."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import idempotency
from api.doors import native_answers as answers
from api.doors.native import Deleter, Updater, VoiceId
from api.doors.native_shapes import EXAMPLES, clone_shape
from api.envelope import success
from api.intake.extension import extend_clone
from shared import extensions, views
from shared.services import Services
from shared.states import QUEUE_OF, Stage
from shared.views import CloneView

router = APIRouter(prefix="/api/v2", tags=["Samples"], responses=EXAMPLES)

HeldId = Annotated[str, Path(description="The sample's id among `vendorSamples`, `hsm_…`")]
_FILES: Final = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string", "format": "binary"},
    "description": "The recordings to be added, within the limits of a new clone's",
}
EXTEND_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"type": "object", "required": ["files"], "properties": {"files": _FILES}}}
    },
}


@router.post(
    "/voice-clones/{voice_id}/samples",
    status_code=201,
    response_model=answers.Told[answers.Clone],
    openapi_extra={"requestBody": EXTEND_BODY, "parameters": [idempotency.PARAMETER]},
    summary="Add recordings to a voice",
)
async def add_samples(request: Request, caller: Updater, voice_id: VoiceId) -> Response:
    """Add recordings to a ready voice; it stays ready meanwhile, and `job` shows how far the addition is."""
    services: Services = request.app.state.services

    def answer(view: CloneView) -> Response:
        return success(clone_shape(view, services.vendors), "Samples taken; they are being added", status=201)

    return await extend_clone(request, caller, voice_id, answer)


@router.delete(
    "/voice-clones/{voice_id}/samples/{sample_id}",
    status_code=202,
    response_model=answers.Told[answers.Clone],
    summary="Take a sample away from a voice",
)
def remove_sample(request: Request, caller: Deleter, voice_id: VoiceId, sample_id: HeldId) -> JSONResponse:
    """Take one of `vendorSamples` away at the vendor; `job` shows when it is done."""
    services: Services = request.app.state.services
    with services.database.write() as session:
        job_id = extensions.remove(session, services.vendors, caller.account_id, voice_id, sample_id)
        view = views.get(session, caller.account_id, voice_id)
    request.app.state.doorbell.ring(QUEUE_OF[Stage.SUBMIT], job_id)
    return success(clone_shape(view, services.vendors), "The sample is being taken away", status=202)
