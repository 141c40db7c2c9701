"""Stage 1: can every recording be decoded, is it long enough, is there anything in it? The first that fails ends it."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from shared.db.models import Sample
from shared.states import Stage
from worker.audio.inspection import Inspection, inspect
from worker.endings import Advance, Ending
from worker.stages.limits import decode_limits
from worker.task import Task


def validate(task: Task) -> Ending:
    """Inspect every recording. Raises: AudioUnreadable, AudioTooShort, AudioTooLong, NoSpeech, SourceMissing."""
    limits = decode_limits(task.services.settings)
    inspections: dict[str, Inspection] = {}
    total_bytes = sum(recording.size_bytes for recording in task.recordings) or 1
    done_bytes = 0
    for recording in task.recordings:
        inspections[recording.id] = inspect(
            task.decoder,
            task.original(recording),
            filename=recording.filename,
            limits=limits,
            progress=task.part(done_bytes / total_bytes, recording.size_bytes / total_bytes),
        )
        done_bytes += recording.size_bytes

    def save(session: Session) -> None:
        for sample_id, inspection in inspections.items():
            session.execute(update(Sample).where(Sample.id == sample_id).values(inspection=inspection.to_json()))

    return Advance(Stage.PREPARE, save)
