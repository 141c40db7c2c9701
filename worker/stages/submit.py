"""Stage 3: the paid call, effectively once.

The intent, with a marker that the vendor keeps, is committed before the call; no client retries by itself. Whoever
finds an intent without an answer (we were killed, the connection was cut, the vendor said 500 after reading it all)
searches for the marker first, and calls again only after two empty looks, the second one later than the call's
timeout plus the time that the vendor's list may lag. When the voice's id is safe with us, what is left is done, for
instance giving the voice its name; a death in between resumes there.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared import log, submissions
from shared.db.models import Clone
from shared.errors import ErasureUnsupported, ServiceError, UnknownOutcome, VendorError, VendorProtocol, VendorRejected
from shared.states import Stage, SubmissionState, WaitingFor
from shared.submissions import Intent
from shared.vendors.protocol import FoundVoice, SampleFile
from shared.vendors.refusals import title_of
from worker import remains
from worker.endings import Advance, Ending, Rest
from worker.stages.prepare import CONTENT_TYPES
from worker.task import Task

FIRST_LOOK_S = 0.5
LOOKS = 2
MARGIN_S = 0.2
MOST_CALLS = 3  # whose answers were all lost, until it is given up
_logger = log.get(__name__)


def submit(task: Task) -> Ending:
    """Hand the prepared recordings to the vendor. Raises: every VendorError but UnknownOutcome, StorageUnavailable."""
    with task.services.database.read() as session:
        intent = submissions.latest(session, task.claim.job_id)
    if intent is not None and intent.state is SubmissionState.ACCEPTED:
        return _complete(task, intent.marker, str(intent.vendor_voice_id), ())
    if intent is not None and intent.state is SubmissionState.INTENDED:
        return _reconcile(task, intent)
    if intent is not None and intent.state is SubmissionState.SPENT:
        remains.replace(task, intent)
        intent = None
    files = sendable(task)
    with task.transaction() as session:
        if intent is None or (intent.vendor, intent.engine) != (task.claim.vendor, task.claim.engine):
            marker = submissions.intend(session, task.claim)
        else:
            marker = intent.marker
            submissions.intend_again(session, intent)
    return _call(task, marker, files, in_doubt=intent is not None and intent.is_doubted and intent.marker == marker)


def sendable(task: Task) -> list[SampleFile]:
    """Fetch what was prepared, before the intent is written: a storage that is down must cost no look at the vendor."""
    if not task.prepared:
        raise ServiceError("The job is to be submitted, but nothing was prepared for it.")
    word = task.claim.job_id.partition("_")[2][:8]
    return [
        SampleFile(
            path=task.fetch(file.object_key),
            filename=f"{word}-{file.number}.{file.container}",
            content_type=CONTENT_TYPES[file.container],
            duration_s=file.duration_s,
            cleaned=file.cleaned,
        )
        for file in task.prepared
    ]


def _call(task: Task, marker: str, files: list[SampleFile], *, in_doubt: bool) -> Ending:
    """Make the call. `in_doubt`: one was made before whose answer was lost."""
    engine = task.engine.name
    try:
        made = task.ask(lambda vendor: vendor.submit(engine, task.order, files, marker), creates=True)
    except (UnknownOutcome, VendorProtocol) as error:
        # An answer that nobody can read is no proof that nothing was created.
        _logger.warning("submit_outcome_unknown", job=task.claim.job_id, code=error.code)
        return Rest(WaitingFor.RETRY, FIRST_LOOK_S)
    except VendorRejected as error:
        # After a lost answer a refusal may mean: it is there already, for instance because its name is taken.
        found = task.ask(lambda vendor: vendor.find(engine, marker)) if in_doubt else ()
        if found:
            return _adopt(task, _latest(task), found)
        _refuse(task, marker, in_doubt=in_doubt)
        raise error
    except VendorError:
        _refuse(task, marker, in_doubt=in_doubt)
        raise
    return _accepted(task, marker, made.voice_id, made.notes, in_doubt=in_doubt)


def _refuse(task: Task, marker: str, *, in_doubt: bool) -> None:
    with task.transaction() as session:
        submissions.refuse(session, marker, look_again_in_s=remains.late_look_s(task.engine) if in_doubt else None)


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
    files = sendable(task)
    engine = task.engine.name
    more = task.ask(lambda vendor: vendor.complete(engine, task.order, files, voice_id, marker))

    def save(session: Session) -> None:
        if notes or more:
            known = session.scalar(select(Clone.notes).where(Clone.id == task.claim.clone_id)) or []
            kept = [*known, *(note for note in (*notes, *more) if note not in known)]
            session.execute(update(Clone).where(Clone.id == task.claim.clone_id).values(notes=kept))

    return Advance(Stage.TRACK, save)


def _reconcile(task: Task, intent: Intent) -> Ending:
    """Find out what came of a call whose answer was never saved. Raises: UnknownOutcome: after too many calls."""
    engine = task.engine.name
    found = task.ask(lambda vendor: vendor.find(engine, intent.marker))
    if found:
        return _adopt(task, intent, found)
    certain_after_s = task.engine.call_timeout_s + task.engine.listing_lag_s
    if intent.empty_looks + 1 < LOOKS or intent.age_s <= certain_after_s:
        delay_s = max(FIRST_LOOK_S, certain_after_s - intent.age_s + MARGIN_S)
        return Rest(WaitingFor.RETRY, delay_s, save=lambda session: submissions.note_empty_look(session, intent))
    if intent.calls >= MOST_CALLS:
        _refuse(task, intent.marker, in_doubt=True)
        raise never_answered(task, intent)
    files = sendable(task)
    with task.transaction() as session:
        submissions.intend_again(session, intent)
    return _call(task, intent.marker, files, in_doubt=True)


def never_answered(task: Task, intent: Intent) -> VendorProtocol:
    """Say that it is given up."""
    return VendorProtocol(
        f"{title_of(task.claim.vendor)} was called {intent.calls} times, never answered, and shows nothing that came "
        "of it. Try again later, or choose another vendor."
    )


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
