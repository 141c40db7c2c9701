"""From a request to a checked answer: recordings into a private folder, a child over them, and all of it gone again.

Nothing reaches the storage, the database or the broker. A check has a place only while fewer than the operator's number
are under way in this process; who finds none is told before the body is read. What a killed API leaves in its folder,
the next one with the same data folder clears away.
"""

import asyncio
import atexit
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import anyio
from anyio import to_thread
from starlette.requests import ClientDisconnect, Request

from api.checker import Checked, CheckedFile, Checker, CheckOrder
from api.intake.creation import receive
from api.intake.recordings import ReceivedForm
from api.intake.twins import refuse_twins
from api.order import CheckForm
from shared import log
from shared.desk import Desk, clear
from shared.errors import CheckLost, MissingField, RateLimited, StorageUnavailable, UploadTimeout
from shared.keys import Caller
from shared.services import Services
from shared.settings import Settings
from shared.storage.folder import FolderStorage

RETRY_AFTER_S: Final = 10  # a minute of sound takes about a second; an upload takes longer

_logger = log.get(__name__)

Report = Callable[[CheckOrder, Checked, list[str]], Any]


class CheckRoom:
    """The places for checks of one API process, and the desk that they are done at."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.max_checks
        self._root = settings.data_dir / "work"
        self._taken = 0
        self._lock = threading.Lock()
        self._desk: Desk | None = None
        self.threads = anyio.CapacityLimiter(settings.max_checks)
        clear(self._root)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for one check. Raises: RateLimited: when all are taken."""
        with self._lock:
            if self._taken >= self._most:
                raise RateLimited(
                    f"{self._most} check{'s are' if self._most > 1 else ' is'} under way, which is as many as this "
                    f"service does at once. Try again in {RETRY_AFTER_S} s.",
                    retry_after_s=RETRY_AFTER_S,
                    limit=self._most,
                    policy="checks",
                )
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """Give a folder for one check; it is gone at the end, cancelled or not. Raises: StorageUnavailable."""
        with ExitStack() as held:
            try:
                path = await to_thread.run_sync(lambda: held.enter_context(self._opened_desk().folder()))
            except OSError as error:
                raise StorageUnavailable(f"No folder can be made for the check: {error.strerror}.") from error
            gone = held.pop_all()
            try:
                yield path
            finally:
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(gone.close)

    def _opened_desk(self) -> Desk:
        """Return the desk, made when it is first needed: an API that never checks needs no data folder."""
        with self._lock:
            if self._desk is None:
                self._desk = Desk(self._root)
                atexit.register(self._desk.close)
            return self._desk


async def check_recordings(request: Request, caller: Caller, report: Report) -> Any:
    """Receive recordings, have them checked, and return what `report` makes of what was found.

    Raises: every RequestError that a form can earn, RateLimited, StorageUnavailable, CheckOverdue, CheckLost,
        ClientDisconnect.
    """
    services: Services = request.app.state.services
    room: CheckRoom = request.app.state.checks
    form = CheckForm()
    async with AsyncExitStack() as held:
        held.enter_context(room.place())
        folder = await held.enter_async_context(room.folder())
        received = await _receive(request, caller, FolderStorage(folder / "uploads"), form)
        vendor, engine = form.choose(services.vendors, services.settings.default_vendor)
        order = CheckOrder(
            files=await to_thread.run_sync(_files, received, FolderStorage(folder / "uploads"), folder),
            vendor=vendor,
            engine=engine.name,
            denoise=form.denoise,
            trim=form.trim,
            folder=folder / "sound",
        )
        order.folder.mkdir(mode=0o700)
        found = await _run(request, room, Checker(order, services.settings))
        return report(order, found, form.ignored)


async def _receive(request: Request, caller: Caller, storage: FolderStorage, form: CheckForm) -> ReceivedForm:
    """Receive the form, within a time of its own: an upload that dribbles must not keep a place for ever."""
    services: Services = request.app.state.services
    max_s = services.settings.check_timeout_s
    with anyio.move_on_after(max_s):
        received = await receive(request, storage, lambda index: f"recordings/{index}", form.take, caller)
        if not received.recordings:
            raise MissingField("The field 'files' is required: one or more recordings of the voice.", field="files")
        refuse_twins((recording.filename, recording.sha256) for recording in received.recordings)
        return received
    raise UploadTimeout(
        f"The upload of a check may take {max_s:g} s, and this one takes longer. Send fewer or shorter recordings, or "
        "send them over a better connection."
    )


def _files(form: ReceivedForm, storage: FolderStorage, folder: Path) -> tuple[CheckedFile, ...]:
    return tuple(
        CheckedFile(
            id=file_id(number),
            filename=recording.filename,
            path=storage.fetch(recording.object_key, folder),
            container=recording.container.value,
            size_bytes=recording.size_bytes,
            sha256=recording.sha256,
        )
        for number, recording in enumerate(form.recordings, start=1)
    )


def file_id(number: int) -> str:
    """Return what a report calls the n-th recording of a check; it is no id of a row."""
    return f"file-{number}"


async def _run(request: Request, room: CheckRoom, checker: Checker) -> Checked:
    """Wait for the child, and end it as soon as nobody waits for its answer any more."""
    leaving = asyncio.create_task(_until_left(request, checker))
    try:
        return await to_thread.run_sync(checker.run, limiter=room.threads)
    except CheckLost as error:
        if leaving.done():
            raise ClientDisconnect from None
        if checker.death is not None:
            _logger.warning("check_lost", **asdict(checker.death))
        raise error from None
    finally:
        checker.kill()
        leaving.cancel()
        await asyncio.wait([leaving])


async def _until_left(request: Request, checker: Checker) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    checker.kill()
