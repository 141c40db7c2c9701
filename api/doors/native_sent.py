"""The native door's files for the vendor: what was made of a clone's recordings, to be heard and drawn."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.doors import native_answers as answers
from api.doors.native import Reader, VoiceId
from api.doors.native_shapes import EXAMPLES
from api.download import Download, Recording
from api.envelope import success
from shared import sent
from shared.errors import NotFound
from shared.formats import Container
from shared.sent import SentFile
from shared.services import Services

router = APIRouter(prefix="/api/v2", tags=["Samples"], responses=EXAMPLES)

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The file's number, from 1, as the report lists them")]

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
AUDIO: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The sound, as an attachment", "content": {"audio/*": _BINARY}},
    206: {"description": "The range that was asked for", "content": {"audio/*": _BINARY}},
    304: {"description": "Unchanged since the `If-None-Match`"},
}


@router.get(
    "/voice-clones/{voice_id}/sent/{number}/audio",
    summary="The sound of a file for the vendor",
    status_code=200,
    response_class=Download,
    responses=AUDIO,
)
def get_sent_audio(request: Request, caller: Reader, voice_id: VoiceId, number: Number) -> Download:
    """Return the bytes, whole or the one range that `Range` asks for."""
    services = _services(request)
    with services.database.read() as session:
        found = sent.file(session, caller.account_id, voice_id, number)
    return Download(request, services.storage, sent_recording(found))


@router.get(
    "/voice-clones/{voice_id}/sent/{number}/peaks",
    response_model=answers.Answer[answers.SentWaveform],
    summary="The waveform of a file for the vendor",
)
def get_sent_peaks(request: Request, caller: Reader, voice_id: VoiceId, number: Number) -> JSONResponse:
    """Return the waveform to draw: equal stretches of time, of each the lowest and highest point in -127..127."""
    with _services(request).database.read() as session:
        found = sent.file(session, caller.account_id, voice_id, number)
        peaks = sent.peaks(session, found)
    if peaks is None:
        raise NotFound(f"No waveform of file {number} is kept.")
    return success({"number": number, "peaks": peaks})


def sent_recording(found: SentFile) -> Recording:
    """Return a file as it is downloaded: named after the clone and its number, never after the person."""
    container = Container(found.container)
    filename = f"{found.clone_id}-{found.number}.{container}"
    return Recording(found.object_key, filename, container.media_type, found.size_bytes, found.sha256)


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services
