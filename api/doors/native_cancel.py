"""The native door's change of mind: what is going on with a clone is cancelled, here and at its vendor."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.doors import native_answers as answers
from api.doors.native import Updater, VoiceId
from api.doors.native_shapes import EXAMPLES, clone_shape
from api.envelope import success
from shared import cancellation, views
from shared.services import Services
from shared.states import QUEUE_OF, Stage

router = APIRouter(prefix="/api/v2", tags=["Voice clones"], responses=EXAMPLES)


@router.post(
    "/voice-clones/{voice_id}/cancel",
    response_model=answers.Told[answers.Clone],
    summary="Cancel what is going on with a clone",
)
def cancel_clone(request: Request, caller: Updater, voice_id: VoiceId) -> JSONResponse:
    """Cancel a creation or an addition that is not done; what its vendor has of it already is removed there.

    Said again it changes nothing. The clone keeps its recordings and its place until it is deleted.
    """
    services: Services = request.app.state.services
    with services.database.write() as session:
        removal_id = cancellation.cancel(session, caller.account_id, voice_id)
        shape = clone_shape(views.get(session, caller.account_id, voice_id), services.vendors)
    if removal_id is not None:
        request.app.state.doorbell.ring(QUEUE_OF[Stage.SUBMIT], removal_id)
    return success(shape, "Voice clone cancelled")
