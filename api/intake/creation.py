"""From a request to a committed clone: the form streams into storage, then one transaction makes it real.

A refusal at any point leaves neither object nor row. Only where a commit's outcome is unknown do the objects stay:
the transaction may have happened, and what no row knows is swept up later.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.intake.buffers import BufferPool
from api.intake.recordings import IntakeLimits, ReceivedForm, receive_form
from api.order import FIELDS, JSON_CHARS, OrderForm
from shared import clones, views
from shared.clones import NewClone, NewSample
from shared.errors import DatabaseUnavailable, DuplicateFile
from shared.ids import CLONE, SAMPLE, new_id
from shared.keys import Caller
from shared.services import Services
from shared.settings import Settings
from shared.states import QUEUE_OF, Stage
from shared.views import CloneView

_UTF8_BYTES = 4


@dataclass(frozen=True, slots=True)
class Created:
    """A clone that is committed; `ignored_fields` are form fields that mean nothing here."""

    view: CloneView
    ignored_fields: list[str]


async def create_clone(request: Request, caller: Caller) -> Created:
    """Receive the recordings and begin the clone.

    Raises: every RequestError that a form can earn, CloneLimitExceeded, StorageUnavailable, DatabaseUnavailable.
    """
    services: Services = request.app.state.services
    await run_in_threadpool(_check_slot, services, caller)
    clone_id = new_id(CLONE)
    order = OrderForm()
    form = await _receive(request, services, caller, clone_id, order)
    try:
        engine = order.complete(services.vendors, services.settings.default_vendor)
        new = order.clone(clone_id, caller.account_id, _samples(form))
        view = await run_in_threadpool(_commit, services, new, engine.training_typical_s)
    except DatabaseUnavailable:
        raise
    except BaseException:
        await form.discard()
        raise
    request.app.state.doorbell.ring(QUEUE_OF[Stage.VALIDATE], view.job_id)
    return Created(view, order.ignored)


def _check_slot(services: Services, caller: Caller) -> None:
    with services.database.read() as session:
        clones.check_slot(session, caller.account_id, services.settings.max_clones_per_user)


async def _receive(
    request: Request, services: Services, caller: Caller, clone_id: str, order: OrderForm
) -> ReceivedForm:
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    buffers: BufferPool = request.app.state.buffers
    length = request.headers.get("content-length", "")
    return await receive_form(
        request.stream(),
        request.headers.get("content-type"),
        int(length) if length.isascii() and length.isdigit() else None,
        storage=services.storage,
        buffers=buffers,
        limits=intake_limits(services.settings),
        key_for=lambda _: f"samples/{day}/{caller.account_id}/{clone_id}/{new_id(SAMPLE)}/original",
        on_field=order.take,
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


def _samples(form: ReceivedForm) -> tuple[NewSample, ...]:
    """Return the recordings as samples; the id is the folder that each lies in. Raises: DuplicateFile."""
    seen: dict[str, str] = {}
    for recording in form.recordings:
        twin = seen.setdefault(recording.sha256, recording.filename)
        if twin is not recording.filename:
            raise DuplicateFile(
                f"'{twin}' and '{recording.filename}' are the same recording, byte for byte; send it once.",
                files=[twin, recording.filename],
            )
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


def _commit(services: Services, new: NewClone, training_typical_s: float) -> CloneView:
    with services.database.write() as session:
        clones.create(
            session,
            new,
            max_clones=services.settings.max_clones_per_user,
            training_typical_s=training_typical_s,
        )
        return views.get(session, new.account_id, new.id)
