"""The one stage of an erase job: nothing of the clone is left, neither at its vendors nor with us.

A submission without an answer may still become a voice, so it is waited out before the vendor is searched. What could
be deleted, and what only a person can, stands in the clone's tombstone.
"""

from typing import Any

from sqlalchemy import delete, null, update
from sqlalchemy.orm import Session

from shared import erasures, submissions
from shared.db.models import Clone, HeldSample, PreparedFile, Sample, VendorCall
from shared.states import WaitingFor
from shared.submissions import Intent
from worker import remains
from worker.endings import Ending, Finished, Rest
from worker.remains import Voice
from worker.task import Task


def erase(task: Task) -> Ending:
    """Delete the clone's voices and recordings. Raises: what the vendors' adapters and the storage raise."""
    with task.services.database.read() as session:
        intents = submissions.of_clone(session, task.claim.clone_id)
    wait_s = remains.certain_in_s(task, intents)
    if wait_s > 0:
        return Rest(WaitingFor.VENDOR, wait_s + remains.MARGIN_S)
    erased = [remains.discard(task, voice) for voice in sorted(_voices(task, intents))]
    objects = _delete_objects(task)

    def save(session: Session) -> None:
        _forget(session, task.claim.clone_id)
        erasures.complete(session, task.claim.clone_id, erased, objects)
        remains.note_room(session, erased)

    return Finished(save=save)


def _voices(task: Task, intents: tuple[Intent, ...]) -> set[Voice]:
    found = remains.made_by(task, intents)
    if task.vendor_voice_id is not None:
        found.add(Voice(task.claim.vendor, task.claim.engine, task.vendor_voice_id))
    return found


def _delete_objects(task: Task) -> int:
    """Delete all that lies in the clone's folders, also what a stage that was cut off left; return how many."""
    count = 0
    for folder in {recording.clone_folder for recording in task.recordings}:
        for stored in list(task.services.storage.list(f"{folder}/")):
            task.services.storage.delete(stored.key)
            count += 1
    return count


def _forget(session: Session, clone_id: str) -> None:
    """Keep of the clone what proves that it was erased, and nothing that tells of the person."""
    for table in (PreparedFile, Sample, HeldSample, VendorCall):
        session.execute(delete(table).where(table.clone_id == clone_id))
    nothing: dict[str, Any] = {
        "name": "", "description": None, "language": None, "gender": None, "labels": {}, "voice_settings": {},
        "callback_url": None, "vendor_voice_id": None, "warnings": null(), "notes": null(), "error_message": None,
    }  # fmt: skip
    session.execute(update(Clone).where(Clone.id == clone_id).values(**nothing))
