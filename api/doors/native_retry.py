"""The native door's second chance: what has failed of a clone is tried again, from where it failed."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.doors import native_answers as answers
from api.doors.native import Updater, VoiceId
from api.doors.native_shapes import EXAMPLES, clone_shape
from api.envelope import success
from shared import retrying, views
from shared.services import Services
from shared.states import QUEUE_OF

router = APIRouter(prefix="/api/v2", tags=["Voice clones"], responses=EXAMPLES)


@router.post(
    "/voice-clones/{voice_id}/retry",
    response_model=answers.Told[answers.Clone],
    summary="Try again what has failed of a clone",
)
def retry_clone(request: Request, caller: Updater, voice_id: VoiceId) -> JSONResponse:
    """Go on with a creation or an addition that failed, from the stage that failed; nothing is uploaded or paid twice.

    Said again while it goes on, it changes nothing.
    """
    services: Services = request.app.state.services
    with services.database.write() as session:
        revived = retrying.retry(session, services.vendors, caller.account_id, voice_id)
        shape = clone_shape(views.get(session, caller.account_id, voice_id), services.vendors)
    if revived is not None:
        job_id, stage = revived
        request.app.state.doorbell.ring(QUEUE_OF[stage], job_id)
    return success(shape, "It goes on" if revived is None else "It is tried again")
