"""The one stage of an erase job: nothing of the clone is left, neither at its vendors nor with us.

A submission without an answer may still become a voice, so it is waited out before the vendor is searched. What could
be deleted, and what only a person can, stands in the clone's tombstone.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, null, update
from sqlalchemy.orm import Session

from shared import erasures, gates, submissions
from shared.db.models import Clone, HeldSample, PreparedFile, Sample, VendorCall
from shared.erasures import ErasedVoice
from shared.errors import ErasureUnsupported
from shared.states import SubmissionState, WaitingFor
from shared.submissions import Intent
from worker.endings import Ending, Finished, Rest
from worker.task import Task

_MARGIN_S = 0.2


@dataclass(frozen=True, slots=True, order=True)
class _Voice:
    """A voice that is to be deleted, and where."""

    vendor: str
    engine: str
    voice_id: str


def erase(task: Task) -> Ending:
    """Delete the clone's voices and recordings. Raises: what the vendors' adapters and the storage raise."""
    with task.services.database.read() as session:
        intents = submissions.of_clone(session, task.claim.clone_id)
    wait_s = max((_certain_in_s(task, intent) for intent in intents), default=0.0)
    if wait_s > 0:
        return Rest(WaitingFor.VENDOR, wait_s + _MARGIN_S)
    erased = [_discard(task, voice) for voice in sorted(_voices(task, intents))]
    objects = _delete_objects(task)

    def save(session: Session) -> None:
        _forget(session, task.claim.clone_id)
        erasures.complete(session, task.claim.clone_id, erased, objects)
        for voice in erased:
            if voice.outcome == "deleted":
                gates.has_room(session, voice.vendor)

    return Finished(save=save)


def _certain_in_s(task: Task, intent: Intent) -> float:
    """Return how long a call without an answer may still become a voice that no list shows yet."""
    if intent.state is not SubmissionState.INTENDED:
        return 0.0
    engine = task.services.vendors[intent.vendor].engines[intent.engine]
    return engine.call_timeout_s + engine.listing_lag_s - intent.age_s


def _voices(task: Task, intents: tuple[Intent, ...]) -> set[_Voice]:
    found: set[_Voice] = set()
    for intent in intents:
        engine, marker = intent.engine, intent.marker
        if intent.held_before is None:  # samples that were added to a voice go with it
            listed = task.ask(lambda vendor, e=engine, m=marker: vendor.find(e, m), at=intent.vendor)  # type: ignore[misc]
            found |= {_Voice(intent.vendor, engine, voice.voice_id) for voice in listed}
        if intent.vendor_voice_id is not None:
            found.add(_Voice(intent.vendor, engine, intent.vendor_voice_id))
    if task.vendor_voice_id is not None:
        found.add(_Voice(task.claim.vendor, task.claim.engine, task.vendor_voice_id))
    return found


def _discard(task: Task, voice: _Voice) -> ErasedVoice:
    try:
        task.ask(lambda vendor: vendor.discard(voice.engine, voice.voice_id), at=voice.vendor)
    except ErasureUnsupported as error:
        return ErasedVoice(voice.vendor, voice.voice_id, "unsupported", error.code, error.message)
    return ErasedVoice(voice.vendor, voice.voice_id, "deleted")


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
