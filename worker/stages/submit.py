"""Stage 3: the paid call, effectively once.

The intent, with a marker that the vendor keeps, is committed before the call; no client retries by itself. Whoever
finds an intent without an answer (we were killed, the connection was cut, the vendor said 500 after reading it all)
searches for the marker first, and calls again only after two empty looks, the second one later than the call's
timeout plus the time that the vendor's list may lag. When the voice's id is safe with us, what is left is done, for
instance giving the voice its name; a death in between resumes there.
"""

from sqlalchemy.orm import Session

from shared import log, submissions
from shared.errors import (
    ErasureUnsupported,
    UnknownOutcome,
    VendorError,
    VendorPaused,
    VendorProtocol,
    VendorQuota,
    VendorRejected,
)
from shared.states import Stage, SubmissionState
from shared.submissions import Intent
from shared.vendors.protocol import FoundVoice, SampleFile
from worker import remains
from worker.endings import Advance, Ending
from worker.stages.paid_call import call_again, lost, reconcile, sendable
from worker.task import Task

_logger = log.get(__name__)


def submit(task: Task) -> Ending:
    """Hand the prepared recordings to the vendor. Raises: every VendorError but UnknownOutcome, StorageUnavailable."""
    with task.services.database.read() as session:
        intent = submissions.latest(session, task.claim.job_id)
    if intent is not None and intent.state is SubmissionState.SPENT:
        remains.replace(task, intent)
        intent = None
    if intent is None or (intent.vendor, intent.engine) != (task.claim.vendor, task.claim.engine):
        files = sendable(task)
        with task.transaction() as session:
            marker = submissions.intend(session, task.claim)
        return _call(task, marker, files, in_doubt=False)
    if intent.state is SubmissionState.ACCEPTED:
        return _complete(task, intent.marker, str(intent.vendor_voice_id), ())
    if intent.state is SubmissionState.INTENDED:
        return reconcile(
            task,
            intent,
            look=lambda: _look(task, intent),
            call=lambda files: _call(task, intent.marker, files, in_doubt=True),
            late_look_s=remains.late_look_s(task.engine),
        )
    # It was refused, in words that said to come again. A vendor that says so may have made the voice all the same.
    found = _look(task, intent) if intent.is_doubted else None
    return found or call_again(
        task, intent, lambda files: _call(task, intent.marker, files, in_doubt=intent.is_doubted)
    )


def _look(task: Task, intent: Intent) -> Ending | None:
    found = task.ask(lambda vendor: vendor.find(task.engine.name, intent.marker))
    return _adopt(task, intent, found) if found else None


def _call(task: Task, marker: str, files: list[SampleFile], *, in_doubt: bool) -> Ending:
    """Make the call. `in_doubt`: one was made before that may have made the voice."""
    engine = task.engine.name
    try:
        made = task.ask(lambda vendor: vendor.submit(engine, task.order, files, marker), creates=True, sending=files)
    except (UnknownOutcome, VendorProtocol) as error:
        # An answer that nobody can read is no proof that nothing was created.
        return lost(task, error)
    except VendorError as error:
        # After a lost answer a refusal may mean: it is there already, and has taken its name or the plan's last place.
        found = _look(task, _latest(task)) if in_doubt and _may_be_ours(error) else None
        if found is None:
            may_have_acted = error.retryable and "vendor_status" in error.details
            look_again_in_s = remains.late_look_s(task.engine) if in_doubt or may_have_acted else None
            with task.transaction() as session:
                submissions.refuse(session, marker, look_again_in_s=look_again_in_s)
            raise
        return found
    return _accepted(task, marker, made.voice_id, made.notes, in_doubt=in_doubt)


def _may_be_ours(error: VendorError) -> bool:
    """Tell whether what is in the way of a call may be what an earlier one made."""
    is_full = isinstance(error, VendorPaused) and error.because == VendorQuota.code
    return is_full or isinstance(error, VendorRejected | VendorQuota)


def _latest(task: Task) -> Intent:
    with task.services.database.read() as session:
        intent = submissions.latest(session, task.claim.job_id)
    assert intent is not None
    return intent


def _accepted(task: Task, marker: str, voice_id: str, notes: tuple[str, ...], *, in_doubt: bool) -> Ending:
    """Make the voice's id safe before anything else is done to the voice."""
    with task.transaction() as session:
        submissions.accept(
            session, marker, voice_id, look_again_in_s=remains.late_look_s(task.engine) if in_doubt else None
        )
    return _complete(task, marker, voice_id, notes)


def _complete(task: Task, marker: str, voice_id: str, notes: tuple[str, ...]) -> Ending:
    more = _finish(task, marker, voice_id)

    def save(session: Session) -> None:
        remains.note_on_clone(session, task.claim.clone_id, (*notes, *more))

    return Advance(Stage.TRACK, save)


def _finish(task: Task, marker: str, voice_id: str) -> tuple[str, ...]:
    """Do what is left once the voice's id is safe; where that is no call, no gate is asked and no turn taken."""
    engine = task.engine
    if not engine.abilities.completes:
        return task.vendor.complete(engine.name, task.order, (), voice_id, marker)
    files = sendable(task)
    return task.ask(lambda vendor: vendor.complete(engine.name, task.order, files, voice_id, marker), sending=files)


def _adopt(task: Task, intent: Intent, found: tuple[FoundVoice, ...]) -> Ending:
    """Take the oldest voice that carries our marker; its twins are deleted."""
    oldest, *twins = found
    for twin in twins:
        outcome = _discard_twin(task, twin.voice_id)
        with task.transaction() as session:
            submissions.note_twin(session, intent.id, twin.voice_id, outcome)
    return _accepted(task, intent.marker, oldest.voice_id, (), in_doubt=True)


def _discard_twin(task: Task, voice_id: str) -> str:
    """Delete a voice that was made twice; return what became of it."""
    engine = task.engine.name
    try:
        task.ask(lambda vendor: vendor.discard(engine, voice_id))
    except ErasureUnsupported:
        _logger.warning("duplicate_at_vendor", job=task.claim.job_id, vendor=task.claim.vendor)
        return "duplicate_at_vendor"
    _logger.warning("twin_deleted", job=task.claim.job_id, vendor=task.claim.vendor)
    return "deleted"
