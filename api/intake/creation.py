"""From a request to a committed clone: the form streams into storage, then one transaction makes it real.

A refusal at any point leaves neither object nor row. Only where a commit's outcome is unknown do the objects stay:
the transaction may have happened, and what no row knows is swept up later.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.fields import JSON_CHARS
from api.idempotency import Reserved, form_fingerprint, reserved
from api.intake.buffers import BufferPool
from api.intake.recordings import IntakeLimits, ReceivedForm, receive_form
from api.intake.twins import refuse_twins
from api.intake.void import VoidStorage
from api.order import FIELDS, OrderForm
from api.webhooks import vet
from shared import clones, views
from shared.clones import NewSample
from shared.errors import DatabaseUnavailable
from shared.ids import CLONE, SAMPLE, new_id
from shared.keys import Caller
from shared.services import Services
from shared.settings import Settings
from shared.states import QUEUE_OF, Stage
from shared.storage.protocol import Storage
from shared.views import CloneView

_UTF8_BYTES = 4
_FILES = "files"


Answer = Callable[[CloneView, list[str]], Response]  # of a new clone and the fields that mean nothing here


async def create_clone(request: Request, caller: Caller, answer: Answer) -> Response:
    """Receive the recordings and begin the clone, or repeat what an earlier request with this key was answered.

    `answer` words what is committed with the clone, so that a retry gets it again. Raises: every RequestError that a
    form can earn, CloneLimitExceeded, StorageUnavailable, DatabaseUnavailable.
    """
    async with reserved(request, caller) as reservation:
        if reservation.is_completed:
            return reservation.replay(await fingerprint_only(request, caller))
        return await _create(request, caller, answer, reservation)


async def _create(request: Request, caller: Caller, answer: Answer, reservation: Reserved) -> Response:
    services: Services = request.app.state.services
    await run_in_threadpool(_check_slot, services, caller)
    clone_id = new_id(CLONE)
    order = OrderForm()
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    folder = f"samples/{day}/{caller.account_id}/{clone_id}"
    form = await receive(request, services.storage, lambda _: f"{folder}/{new_id(SAMPLE)}/original", order.take, caller)
    try:
        engine = order.complete(services.vendors, services.settings.default_vendor)
        new = order.clone(clone_id, caller.account_id, samples_of(form))
        await run_in_threadpool(vet, new.callback_url, services.settings)

        def commit() -> tuple[str, Response]:
            with services.database.write() as session:
                max_clones, typical_s = services.settings.max_clones_per_user, engine.training_typical_s
                job_id = clones.create(session, new, max_clones=max_clones, training_typical_s=typical_s)
                answered = answer(views.get(session, new.account_id, new.id), order.ignored)
                reservation.complete(session, fingerprint(request, form), answered, clone_id=new.id)
                return job_id, answered

        job_id, answered = await run_in_threadpool(commit)
    except (DatabaseUnavailable, asyncio.CancelledError):
        # The commit may have happened: nobody may take the recordings from a clone that exists. If it has not, what
        # lies in storage is swept up later.
        raise
    except BaseException:
        await form.discard()
        raise
    request.app.state.doorbell.ring(QUEUE_OF[Stage.VALIDATE], job_id)
    return answered


async def fingerprint_only(request: Request, caller: Caller) -> str:
    """Receive a form within the same limits, store nothing of it, and return what it is known by."""
    return fingerprint(request, await receive(request, VoidStorage(), lambda index: f"void/{index}", None, caller))


def fingerprint(request: Request, form: ReceivedForm) -> str:
    """Return what a form is known by under its Idempotency-Key."""
    files = [(_FILES, recording.filename, recording.sha256) for recording in form.recordings]
    return form_fingerprint(request, form.fields, files)


def _check_slot(services: Services, caller: Caller) -> None:
    with services.database.read() as session:
        clones.check_slot(session, caller.account_id, services.settings.max_clones_per_user)


async def receive(
    request: Request,
    storage: Storage,
    key_for: Callable[[int], str],
    on_field: Callable[[str, str], None] | None,
    caller: Caller,
) -> ReceivedForm:
    """Receive a form with recordings within the operator's limits. Raises: what `receive_form` raises."""
    services: Services = request.app.state.services
    buffers: BufferPool = request.app.state.buffers
    length = request.headers.get("content-length", "")
    return await receive_form(
        request.stream(),
        request.headers.get("content-type"),
        int(length) if length.isascii() and length.isdigit() else None,
        storage=storage,
        buffers=buffers,
        limits=intake_limits(services.settings),
        key_for=key_for,
        file_field=_FILES,
        on_field=on_field,
        owner=caller.account_id,
    )


def intake_limits(settings: Settings) -> IntakeLimits:
    """Return the operator's limits in the intake's words."""
    return IntakeLimits(
        max_files=settings.max_files,
        max_file_bytes=settings.max_file_bytes,
        max_fields=4 * len(FIELDS),
        max_field_bytes=JSON_CHARS * _UTF8_BYTES,
        min_rate_bytes_s=settings.upload_min_rate_kib_s * 1024,
    )


def samples_of(form: ReceivedForm) -> tuple[NewSample, ...]:
    """Return the recordings as samples; the id is the folder that each lies in. Raises: DuplicateFile."""
    refuse_twins((recording.filename, recording.sha256) for recording in form.recordings)
    return tuple(
        NewSample(
            id=recording.object_key.split("/")[-2],
            filename=recording.filename,
            content_type=recording.content_type,
            container=recording.container.value,
            size_bytes=recording.size_bytes,
            sha256=recording.sha256,
            object_key=recording.object_key,
        )
        for recording in form.recordings
    )
