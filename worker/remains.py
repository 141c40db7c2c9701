"""What the calls of a clone have left, or may yet leave, at vendors: waited for, found by its marker, discarded.

For whoever removes it: an erasure, a cancelled job, a retry after a training that failed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared import gates
from shared.db.models import Clone
from shared.erasures import ErasedVoice
from shared.errors import ErasureUnsupported
from shared.states import SubmissionState
from shared.submissions import Intent
from shared.vendors.engines import Engine
from worker.task import Task

MARGIN_S: Final = 0.2
_LATE_LOOK_MOST_S: Final = 3000.0


@dataclass(frozen=True, slots=True, order=True)
class Voice:
    """A voice that is to be deleted, and where."""

    vendor: str
    engine: str
    voice_id: str


def certain_in_s(task: Task, intents: Iterable[Intent]) -> float:
    """Return how long calls without an answer may still become a voice that no list shows yet; 0: no longer."""
    left_s = [0.0]
    for intent in intents:
        if intent.state is SubmissionState.INTENDED:
            engine = engine_of(task, intent)
            left_s.append(engine.call_timeout_s + engine.listing_lag_s - intent.age_s)
    return max(left_s)


def made_by(task: Task, intents: Iterable[Intent]) -> set[Voice]:
    """Ask which voices came of calls. Raises: what the vendors' adapters raise, SetupError."""
    found: set[Voice] = set()
    for intent in intents:
        engine, marker = intent.engine, intent.marker
        if intent.held_before is None:  # samples that were added to a voice go with it
            listed = task.ask(lambda vendor, e=engine, m=marker: vendor.find(e, m), at=intent.vendor)  # type: ignore[misc]
            found |= {Voice(intent.vendor, engine, voice.voice_id) for voice in listed}
        if intent.vendor_voice_id is not None:
            found.add(Voice(intent.vendor, engine, intent.vendor_voice_id))
    return found


def discard(task: Task, voice: Voice) -> ErasedVoice:
    """Delete a voice, or tell what a person must do. Raises: what the vendor's adapter raises, SetupError."""
    try:
        task.ask(lambda vendor: vendor.discard(voice.engine, voice.voice_id), at=voice.vendor)
    except ErasureUnsupported as error:
        return ErasedVoice(voice.vendor, voice.voice_id, "unsupported", error.code, error.message)
    return ErasedVoice(voice.vendor, voice.voice_id, "deleted")


def note_room(session: Session, discarded: Iterable[ErasedVoice]) -> None:
    """Open the gates of vendors that were full and have room now."""
    for vendor in {voice.vendor for voice in discarded if voice.outcome == "deleted"}:
        gates.has_room(session, vendor)


def note_on_clone(session: Session, clone_id: str, notes: Iterable[str]) -> None:
    """Add to what a clone's owner should know, once each."""
    known = session.scalar(select(Clone.notes).where(Clone.id == clone_id)) or []
    new = [note for note in notes if note not in known]
    if new:
        session.execute(update(Clone).where(Clone.id == clone_id).values(notes=[*known, *new]))


def late_look_s(engine: Engine) -> float:
    """Return in how many seconds a voice is looked for once more whose call's answer was in doubt."""
    return min(2 * (engine.call_timeout_s + engine.listing_lag_s), _LATE_LOOK_MOST_S)


def engine_of(task: Task, intent: Intent) -> Engine:
    """Return the engine that a call was for. Raises: SetupError."""
    return task.services.vendors[intent.vendor].engines[intent.engine]


def replace(task: Task, spent: Intent) -> None:
    """Discard the voice that a vendor could not train, before another is made. Raises: what the adapter raises."""
    done = [discard(task, voice) for voice in sorted(made_by(task, [spent]))]
    with task.transaction() as session:
        session.execute(update(Clone).where(Clone.id == task.claim.clone_id).values(vendor_voice_id=None))
        note_on_clone(session, task.claim.clone_id, [voice.advice for voice in done if voice.advice is not None])
        note_room(session, done)
