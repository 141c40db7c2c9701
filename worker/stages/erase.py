"""The one stage of an erase job: nothing of the clone is left, neither at the vendor nor with us.

A submission without an answer may still become a voice, so it is waited out before the vendor is searched.
"""

from sqlalchemy import delete, null, update
from sqlalchemy.orm import Session

from shared import submissions
from shared.db.models import Clone, PreparedFile, Sample
from shared.states import SubmissionState, WaitingFor
from shared.submissions import Intent
from worker.endings import Ending, Finished, Rest
from worker.task import Task

_MARGIN_S = 0.2


def erase(task: Task) -> Ending:
    """Delete the clone's voices and recordings. Raises: what the vendor's adapter and the storage raise."""
    with task.services.database.read() as session:
        intents = submissions.of_clone(session, task.claim.clone_id)
    open_calls = [intent for intent in intents if intent.state is SubmissionState.INTENDED]
    if open_calls:
        certain_after_s = task.engine.call_timeout_s + task.engine.listing_lag_s
        youngest_s = min(intent.age_s for intent in open_calls)
        if youngest_s <= certain_after_s:
            return Rest(WaitingFor.VENDOR, certain_after_s - youngest_s + _MARGIN_S)
    for intent in intents:
        _discard(task, intent)
    _delete_recordings(task)
    return Finished(save=lambda session: _forget(session, task.claim.clone_id))


def _discard(task: Task, intent: Intent) -> None:
    voices = {voice.voice_id for voice in task.vendor.find(task.engine.name, intent.marker)}
    if intent.vendor_voice_id is not None:
        voices.add(intent.vendor_voice_id)
    for voice_id in voices:
        task.vendor.discard(task.engine.name, voice_id)


def _delete_recordings(task: Task) -> None:
    """Delete everything under the clone's own folder: what a stage that was cut off left there, too."""
    for folder in {recording.clone_folder for recording in task.recordings}:
        for stored in list(task.services.storage.list(f"{folder}/")):
            task.services.storage.delete(stored.key)


def _forget(session: Session, clone_id: str) -> None:
    """Keep of the clone what proves that it was erased, and nothing that tells of the person."""
    session.execute(delete(PreparedFile).where(PreparedFile.clone_id == clone_id))
    session.execute(delete(Sample).where(Sample.clone_id == clone_id))
    session.execute(
        update(Clone)
        .where(Clone.id == clone_id)
        .values(
            name="", description=None, language=None, gender=None, labels={}, voice_settings={}, callback_url=None,
            vendor_voice_id=None, warnings=null(),
        )
    )  # fmt: skip
