"""Stage 3: the paid call, effectively once.

The intent, with a marker that the vendor keeps, is committed before the call; no client retries by itself. Whoever
finds an intent without an answer (we were killed, the connection was cut, the vendor said 500 after reading it all)
searches for the marker first, and calls again only after two empty looks, the second one later than the call's
timeout plus the time that the vendor's list may lag.
"""

from sqlalchemy.orm import Session

from shared import log, submissions
from shared.errors import ServiceError, UnknownOutcome, VendorError, VendorProtocol
from shared.states import Stage, SubmissionState, WaitingFor
from shared.submissions import Intent
from shared.vendors.protocol import FoundVoice, SampleFile
from worker.endings import Advance, Ending, Rest
from worker.stages.prepare import CONTENT_TYPES
from worker.task import Task

_FIRST_LOOK_S = 0.5
_LOOKS = 2
_MARGIN_S = 0.2
_logger = log.get(__name__)


def submit(task: Task) -> Ending:
    """Hand the prepared recordings to the vendor. Raises: every VendorError but UnknownOutcome, StorageUnavailable."""
    with task.services.database.read() as session:
        intent = submissions.latest(session, task.claim.job_id)
    if intent is not None and intent.state is SubmissionState.ACCEPTED:
        return Advance(Stage.TRACK)
    if intent is not None and intent.state is SubmissionState.INTENDED:
        return _reconcile(task, intent)
    files = _files(task)
    with task.transaction() as session:
        if intent is None:
            marker = submissions.intend(session, task.claim, number=1)
        else:
            marker = intent.marker
            submissions.intend_again(session, intent)
    return _call(task, marker, files)


def _files(task: Task) -> list[SampleFile]:
    """Fetch what was prepared, before the intent is written: a storage that is down must cost no look at the vendor."""
    if not task.prepared:
        raise ServiceError("The job is to be submitted, but nothing was prepared for it.")
    return [
        SampleFile(
            path=task.fetch(file.object_key),
            filename=f"prepared-{file.number}.{file.container}",
            content_type=CONTENT_TYPES[file.container],
            duration_s=file.duration_s,
            cleaned=file.cleaned,
        )
        for file in task.prepared
    ]


def _call(task: Task, marker: str, files: list[SampleFile]) -> Ending:
    try:
        voice_id = task.vendor.submit(task.engine.name, task.order, files, marker)
    except (UnknownOutcome, VendorProtocol) as error:
        # An answer that nobody can read is no proof that nothing was created.
        _logger.warning("submit_outcome_unknown", job=task.claim.job_id, code=error.code)
        return Rest(WaitingFor.RETRY, _FIRST_LOOK_S)
    except VendorError:
        with task.transaction() as session:
            submissions.refuse(session, marker)
        raise
    return _accepted(marker, voice_id)


def _accepted(marker: str, voice_id: str) -> Ending:
    def save(session: Session) -> None:
        submissions.accept(session, marker, voice_id)

    return Advance(Stage.TRACK, save)


def _reconcile(task: Task, intent: Intent) -> Ending:
    """Find out what came of a call whose answer was never saved."""
    found = task.vendor.find(task.engine.name, intent.marker)
    if found:
        return _adopt(task, intent, found)
    certain_after_s = task.engine.call_timeout_s + task.engine.listing_lag_s
    if intent.empty_looks + 1 >= _LOOKS and intent.age_s > certain_after_s:
        files = _files(task)
        with task.transaction() as session:
            submissions.intend_again(session, intent)
        return _call(task, intent.marker, files)
    delay_s = max(_FIRST_LOOK_S, certain_after_s - intent.age_s + _MARGIN_S)
    return Rest(WaitingFor.RETRY, delay_s, save=lambda session: submissions.note_empty_look(session, intent))


def _adopt(task: Task, intent: Intent, found: tuple[FoundVoice, ...]) -> Ending:
    """Take the oldest voice that carries our marker; its twins are deleted."""
    oldest, *twins = found
    for twin in twins:
        _logger.warning("twin_deleted", job=task.claim.job_id, vendor=task.claim.vendor)
        task.vendor.discard(task.engine.name, twin.voice_id)
    return _accepted(intent.marker, oldest.voice_id)
