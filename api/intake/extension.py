"""From a request to a committed job that adds recordings to a voice: as a creation, with the same guarantees."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.idempotency import Reserved, reserved
from api.intake.creation import fingerprint, fingerprint_only, receive, samples_of
from shared import extensions, views
from shared.errors import DatabaseUnavailable, MissingField
from shared.ids import SAMPLE, new_id
from shared.keys import Caller
from shared.services import Services
from shared.states import QUEUE_OF, Stage
from shared.views import CloneView

Answer = Callable[[CloneView], Response]


async def extend_clone(request: Request, caller: Caller, clone_id: str, answer: Answer) -> Response:
    """Receive recordings and begin to add them, or repeat what an earlier request with this key was answered.

    Raises: every RequestError that a form can earn, CloneNotFound, CloneBusy, ExtensionUnsupported,
    SampleLimitExceeded, StorageUnavailable, DatabaseUnavailable.
    """
    async with reserved(request, caller) as reservation:
        if reservation.is_completed:
            return reservation.replay(await fingerprint_only(request, caller))
        return await _extend(request, caller, clone_id, answer, reservation)


async def _extend(request: Request, caller: Caller, clone_id: str, answer: Answer, reservation: Reserved) -> Response:
    services: Services = request.app.state.services

    def check() -> None:
        with services.database.read() as session:
            extensions.check(session, services.vendors, caller.account_id, clone_id)

    await run_in_threadpool(check)
    folder = f"samples/{datetime.now(UTC):%Y-%m-%d}/{caller.account_id}/{clone_id}"
    form = await receive(request, services.storage, lambda _: f"{folder}/{new_id(SAMPLE)}/original", None, caller)
    try:
        samples = samples_of(form)
        if not samples:
            raise MissingField("The field 'files' is required: the recordings to be added.", field="files")

        def commit() -> tuple[str, Response]:
            with services.database.write() as session:
                job_id = extensions.add(session, services.vendors, caller.account_id, clone_id, samples)
                answered = answer(views.get(session, caller.account_id, clone_id))
                reservation.complete(session, fingerprint(request, form), answered, clone_id=clone_id)
                return job_id, answered

        job_id, answered = await run_in_threadpool(commit)
    except (DatabaseUnavailable, asyncio.CancelledError):
        raise  # the commit may have happened; what it has not taken is swept up later
    except BaseException:
        await form.discard()
        raise
    request.app.state.doorbell.ring(QUEUE_OF[Stage.VALIDATE], job_id)
    return answered
