"""The native door: Buena's paths, envelope, field names and codes, with our own fields beside them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import idempotency
from api.auth import admit, required_key, requires
from api.change import change_order
from api.doors import native_answers as answers
from api.doors.native_report import sample_report, sent_report
from api.doors.native_report_answers import Report
from api.doors.native_shapes import (
    CHANGE_BODY,
    CREATE_BODY,
    EXAMPLES,
    clone_shape,
    page_shape,
    vendor_shape,
)
from api.envelope import success
from api.intake.creation import create_clone
from api.intake.document import receive_document
from api.live import waiting
from api.live.waiting import Polled, WaitingRoute
from shared import clones, sent, views
from shared.idempotency import forget_answers
from shared.keys import Caller, Scope
from shared.ownership import not_found
from shared.polls import poll
from shared.services import Services
from shared.states import QUEUE_OF, Stage
from shared.views import CloneView

router = APIRouter(prefix="/api/v2", tags=["Voice clones"], responses=EXAMPLES)

Creator = Annotated[Caller, Depends(requires(Scope.CREATE))]
Reader = Annotated[Caller, Depends(requires(Scope.READ))]
Updater = Annotated[Caller, Depends(requires(Scope.UPDATE))]
Deleter = Annotated[Caller, Depends(requires(Scope.DELETE))]
VoiceId = Annotated[str, Path(description="The clone's id, `vc_…`")]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


@router.post(
    "/voice-clones",
    status_code=201,
    response_model=answers.Told[answers.TakenClone],
    openapi_extra={"requestBody": CREATE_BODY, "parameters": [idempotency.PARAMETER]},
    summary="Create a voice clone",
)
async def create(request: Request, caller: Creator) -> Response:
    """Take recordings of a voice and begin the clone. Answers when all is stored, not when the voice is ready."""

    def answer(view: CloneView, ignored_fields: list[str]) -> Response:
        shape = clone_shape(view, _services(request).vendors)
        if ignored_fields:
            shape["ignoredFields"] = ignored_fields
        return success(shape, "Voice clone created successfully", status=201)

    return await create_clone(request, caller, answer)


@router.get("/voice-clones", response_model=answers.Answer[answers.Page], summary="List voice clones")
def list_clones(
    request: Request,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=100, description="The most clones of one page")] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="How many of the newest to pass over")] = 0,
) -> JSONResponse:
    """Return the account's clones, newest first; `data` also carries the newest one's status, for Buena's snippet."""
    services = _services(request)
    with services.database.read() as session:
        page = views.page(session, caller.account_id, limit=limit, offset=offset)
        newest = page if offset == 0 else views.page(session, caller.account_id, limit=1, offset=0)
    return success(page_shape(page, newest, services.vendors))


def get_clone(request: Request, voice_id: VoiceId) -> Polled:
    """Return one clone with its status and progress; with `wait`, when it has changed or the time is up."""
    if "\0" in voice_id:  # PostgreSQL does not even look for it
        raise not_found(voice_id)
    services, key = _services(request), required_key(request)
    with services.database.glance() as connection:
        caller, view = poll(connection, key, voice_id)
    asker = admit(request, key, caller, Scope.READ)
    if view is None:
        raise not_found(voice_id)
    return Polled(asker.key_id, view, lambda found: clone_shape(found, services.vendors))


router.add_api_route(
    "/voice-clones/{voice_id}",
    get_clone,
    methods=["GET"],
    response_model=answers.Answer[answers.Clone],
    responses=waiting.RESPONSES,
    openapi_extra={"parameters": waiting.PARAMETERS},
    summary="Get a voice clone",
    route_class_override=WaitingRoute,
)


async def _change(request: Request, caller: Caller, voice_id: str) -> JSONResponse:
    services = _services(request)
    rate_bytes_s = services.settings.upload_min_rate_kib_s * 1024
    order = change_order(await receive_document(request, min_rate_bytes_s=rate_bytes_s))

    def commit() -> JSONResponse:
        with services.database.write() as session:
            view = order.apply(session, services.vendors, caller.account_id, voice_id)
            shape = clone_shape(view, services.vendors)
            if order.ignored:
                shape["ignoredFields"] = list(order.ignored)
            # Worded before the commit: what cannot be told is not done.
            return success(shape, "Voice clone updated successfully")

    return await run_in_threadpool(commit)


@router.put(
    "/voice-clones/{voice_id}",
    response_model=answers.Told[answers.TakenClone],
    openapi_extra={"requestBody": CHANGE_BODY},
    summary="Update a voice clone",
)
async def put_clone(request: Request, caller: Updater, voice_id: VoiceId) -> JSONResponse:
    """Change name, description or `isActive`; the voice at the vendor stays as it is."""
    return await _change(request, caller, voice_id)


@router.patch(
    "/voice-clones/{voice_id}",
    response_model=answers.Told[answers.TakenClone],
    openapi_extra={"requestBody": CHANGE_BODY},
    summary="Update a voice clone",
)
async def patch_clone(request: Request, caller: Updater, voice_id: VoiceId) -> JSONResponse:
    """Change name, description or `isActive`; the voice at the vendor stays as it is."""
    return await _change(request, caller, voice_id)


@router.delete("/voice-clones/{voice_id}", response_model=answers.Deleted, summary="Delete a voice clone")
def delete_clone(request: Request, caller: Deleter, voice_id: VoiceId) -> JSONResponse:
    """Delete a clone: gone here at once, then erased at the vendor and in storage."""
    with _services(request).database.write() as session:
        job_id = clones.delete(session, caller.account_id, voice_id)
        # The answer that its creation was given holds what the client said of the person.
        forget_answers(session, caller.account_id, voice_id)
    request.app.state.doorbell.ring(QUEUE_OF[Stage.SUBMIT], job_id)
    return JSONResponse({"success": True, "message": "Voice clone deleted successfully", "deleted_id": voice_id})


@router.get(
    "/voice-clones/{voice_id}/report",
    response_model=answers.Answer[Report],
    summary="What was measured and done",
)
def report(request: Request, caller: Reader, voice_id: VoiceId) -> JSONResponse:
    """Return what was measured of each recording, and of each file that was made of them, with how it was made."""
    with _services(request).database.read() as session:
        recordings = views.samples(session, caller.account_id, voice_id)
        files = sent.files(session, caller.account_id, voice_id)
    return success(
        {
            "voiceId": voice_id,
            "samples": [sample_report(recording) for recording in recordings],
            "sent": [sent_report(file) for file in files],
        }
    )


@router.get("/vendors", response_model=answers.Answer[answers.Vendors], summary="Vendors and engines")
def list_vendors(request: Request, caller: Reader) -> JSONResponse:
    """Return the vendors that are configured here, with what each engine takes."""
    vendors = _services(request).vendors
    return success({"vendors": [vendor_shape(vendor) for vendor in vendors]})
