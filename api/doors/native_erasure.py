"""The native door's proof that a deleted clone is gone."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.doors import native_answers as answers
from api.doors.native import Reader, VoiceId
from api.doors.native_answers import Camel, LastError, Timestamp
from api.doors.native_shapes import EXAMPLES
from api.envelope import success
from shared import erasures
from shared.documents import timestamp
from shared.services import Services

router = APIRouter(prefix="/api/v2", tags=["Voice clones"], responses=EXAMPLES)


class ErasedVoice(Camel):
    """A voice at a vendor; where deleting it is `unsupported`, `advice` says what a person must do there."""

    vendor: str
    voice_id: str
    outcome: Literal["deleted", "unsupported"]
    code: str | None
    advice: str | None


class Erasure(Camel):
    """A deleted clone's tombstone; `lastError` is what an erasure that is not complete was held up by."""

    voice_id: str
    is_complete: bool
    requested_at: Timestamp
    completed_at: Timestamp | None
    voices: list[ErasedVoice]
    objects_deleted: Annotated[int, Field(ge=0, description="Stored files of it that were deleted here")]
    last_error: LastError | None


@router.get(
    "/voice-clones/{voice_id}/erasure",
    response_model=answers.Answer[Erasure],
    summary="The proof that a clone was erased",
)
def get_erasure(request: Request, caller: Reader, voice_id: VoiceId) -> JSONResponse:
    """Return what was erased of a deleted clone, where and when; it tells nothing of the person."""
    services: Services = request.app.state.services
    with services.database.read() as session:
        view = erasures.get(session, caller.account_id, voice_id)
    voices = [
        {
            "vendor": voice.vendor,
            "voiceId": voice.voice_id,
            "outcome": voice.outcome,
            "code": voice.code,
            "advice": voice.advice,
        }
        for voice in view.voices
    ]
    return success(
        {
            "voiceId": view.clone_id,
            "isComplete": view.completed_at is not None,
            "requestedAt": timestamp(view.requested_at),
            "completedAt": None if view.completed_at is None else timestamp(view.completed_at),
            "voices": voices,
            "objectsDeleted": view.objects_deleted,
            "lastError": view.last_error and {"code": view.last_error[0], "message": view.last_error[1]},
        }
    )
