"""The native door to a clone's history: as a page of JSON, or live as server-sent events."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.auth import requires
from api.doors import native_answers as answers
from api.doors.native import VoiceId
from api.doors.native_shapes import EXAMPLES, event_shape
from api.envelope import success
from api.live.stream import MEDIA_TYPE, EventStream
from shared import events, views
from shared.keys import Caller, Scope

router = APIRouter(prefix="/api/v2", tags=["Voice clones"], responses=EXAMPLES)

_NUMBER_MAX: Final = 2**31 - 1
_EXAMPLE: Final = (
    "retry: 2000\n\n"
    "id: 1\nevent: voice_clone.processing\n"
    'data: {"seq": 1, "type": "voice_clone.processing", "timestamp": "2026-11-20T12:00:00.000Z", '
    '"jobId": "job_…", "data": {"status": "processing"}}\n\n'
)
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A page of the history; or, with `Accept: text/event-stream`, all of it as it is written",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
    },
    204: {"description": "`text/event-stream` only: nothing can come after the last line that is known already"},
}
_ACCEPT: Final[dict[str, Any]] = {
    "name": "Accept",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "enum": ["application/json", MEDIA_TYPE], "default": "application/json"},
    "description": "Which of the two forms is wanted",
}


@router.get(
    "/voice-clones/{voice_id}/events",
    response_model=answers.Answer[answers.History],
    responses=_RESPONSES,
    openapi_extra={"parameters": [_ACCEPT]},
    summary="A clone's history",
)
async def list_events(
    request: Request,
    caller: Annotated[Caller, Depends(requires(Scope.READ))],
    voice_id: VoiceId,
    after: Annotated[int, Query(ge=0, le=_NUMBER_MAX, description="The last line that is known already")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="The most lines of one page")] = 100,
    cursor: Annotated[int | None, Query(ge=0, le=_NUMBER_MAX, description="The same as `after`")] = None,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=_NUMBER_MAX, description="The same for a stream, as browsers send it")
    ] = None,
) -> Response:
    """Return what happened to a clone, oldest first, after the line number `after`.

    As `text/event-stream` it goes on with each line as it is written, with the line's number as `id`, and ends with
    the end of what is going on with the clone. Who is cut off asks again with the last number as `Last-Event-ID`.
    """
    after = after if cursor is None else cursor
    if _wants_stream(request):
        known = after if last_event_id is None else last_event_id
        return EventStream(request.app.state.feed, caller, voice_id, known, event_shape)
    return await run_in_threadpool(_page, request, caller, voice_id, after, limit)


def _wants_stream(request: Request) -> bool:
    accepted = request.headers.get("accept", "").lower()
    return any(one.partition(";")[0].strip() == MEDIA_TYPE for one in accepted.split(","))


def _page(request: Request, caller: Caller, voice_id: str, after: int, limit: int) -> Response:
    with request.app.state.services.database.read() as session:
        view = views.get(session, caller.account_id, voice_id)
        lines = events.history(session, voice_id, after_seq=after, limit=limit)
    return success(
        {
            "events": [event_shape(line) for line in lines],
            "after": lines[-1].seq if lines else after,
            "seq": view.seq,
            "isTerminal": view.is_terminal,
        }
    )
