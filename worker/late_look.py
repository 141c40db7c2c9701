"""One more look for a twin, within the hour after a voice was made whose call had once lost its answer.

A vendor may finish late what it was asked for and never answered. What is found then is deleted where the vendor can,
else reported in the clone's history.
"""

from sqlalchemy.orm import Session

from shared import events, log, submissions
from shared.asking import Subject, ask
from shared.db.models import Job
from shared.errors import ErasureUnsupported, ServiceError
from shared.states import EventType, SubmissionState
from shared.submissions import Intent
from worker.bench import Bench

AGAIN_S = 600.0  # until a look that came to nothing is taken by somebody else
_logger = log.get(__name__)


def look(bench: Bench, submission_id: str) -> None:
    """Look for voices that carry the submission's marker beside the one that was taken, if one was."""
    with bench.services.database.read() as session:
        found = submissions.get(session, submission_id)
        if found is None or _is_at_it(session, found[0], found[3]):
            return  # the job looks for itself; if that comes to nothing, this is due again after a while
    intent, account_id, clone_id, job_id = found
    try:
        twins = _discard_twins(bench, intent, Subject(clone_id, job_id))
    except ServiceError as error:
        _logger.warning("late_look_failed", clone=clone_id, code=error.code)  # it is due again after a while
        return
    with bench.services.database.write() as session:
        submissions.looked_again(session, submission_id)
        for voice_id, outcome in twins:
            _logger.warning("late_twin", clone=clone_id, vendor=intent.vendor, outcome=outcome)
            submissions.note_twin(session, submission_id, voice_id, outcome)
            data = {"twin": {"vendor": intent.vendor, "voiceId": voice_id, "outcome": outcome}}
            events.append(
                session, clone_id=clone_id, account_id=account_id, job_id=job_id, kind=EventType.PROGRESS, data=data
            )


def _is_at_it(session: Session, intent: Intent, job_id: str) -> bool:
    """Tell whether the job may still take a voice that carries the marker: it is no twin then."""
    job = session.get_one(Job, job_id)
    is_here = job.outcome is None and (job.vendor, job.engine) == (intent.vendor, intent.engine)
    return intent.state is SubmissionState.INTENDED or (is_here and intent.state is not SubmissionState.ACCEPTED)


def _discard_twins(bench: Bench, intent: Intent, subject: Subject) -> list[tuple[str, str]]:
    database, vendor = bench.services.database, bench.services.vendors[intent.vendor]
    voices = ask(database, vendor, subject, lambda v: v.find(intent.engine, intent.marker))
    done: list[tuple[str, str]] = []
    for voice_id in [voice.voice_id for voice in voices if voice.voice_id != intent.vendor_voice_id]:
        try:
            ask(database, vendor, subject, lambda v, twin=voice_id: v.discard(intent.engine, twin))  # type: ignore[misc]
            done.append((voice_id, "deleted"))
        except ErasureUnsupported:
            done.append((voice_id, "duplicate_at_vendor"))
    return done
