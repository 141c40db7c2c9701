"""Stage 2: make of the recordings what the engine takes: enough files, long enough, small enough, clean and level.

The originals stay as they were uploaded. An engine's maxima are never a reason to refuse: what is too many or too
long is chosen from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import update
from sqlalchemy.orm import Session

from shared.db.models import Sample
from shared.states import Stage
from shared.vendors.protocol import Limits
from worker.audio.inspection import Inspection
from worker.audio.preparation import Prepared, TargetFormat, TreatmentWish
from worker.audio.preparation import prepare as treat
from worker.endings import Advance, Ending
from worker.stages.limits import decode_limits
from worker.task import Recording, Task

CONTENT_TYPES = {"wav": "audio/wav", "flac": "audio/flac"}


@dataclass(frozen=True, slots=True)
class _Choice:
    """A recording that goes to the vendor, and how many seconds of it at the most."""

    recording: Recording
    inspection: Inspection
    max_duration_s: float | None


def prepare(task: Task) -> Ending:
    """Treat the chosen recordings and store the results. Raises: AudioUnreadable, SourceMissing, StorageUnavailable."""
    choices = _choose(task.recordings, task.engine.limits)
    results: dict[str, tuple[str, Prepared]] = {}
    for number, choice in enumerate(choices):
        prepared = _treat(task, choice, task.part(number / len(choices), 0.9 / len(choices)))
        key = f"{PurePosixPath(choice.recording.object_key).parent}/prepared-{task.claim.fence}.{prepared.container}"
        task.store(key, prepared.path, CONTENT_TYPES[prepared.container])
        results[choice.recording.id] = (key, prepared)
        task.show((number + 1) / len(choices))

    def save(session: Session) -> None:
        for recording in task.recordings:
            key, prepared = results.get(recording.id, (None, None))
            session.execute(
                update(Sample)
                .where(Sample.id == recording.id)
                .values(
                    prepared_key=key,
                    preparation=prepared.to_json() if prepared else None,
                    prepared_peaks=prepared.peaks.to_json() if prepared and prepared.peaks else None,
                )
            )

    return Advance(Stage.SUBMIT, save)


def _choose(recordings: Sequence[Recording], limits: Limits) -> list[_Choice]:
    """Keep the recordings with most speech where the engine takes fewer files, and share out its seconds in order."""
    inspected = [(r, Inspection.from_json(r.inspection)) for r in recordings if r.inspection is not None]
    most_files = int(limits.files.most or len(inspected))
    kept = sorted(inspected, key=lambda pair: pair[1].speech_s, reverse=True)[:most_files]
    left_s = limits.total_s.most
    choices: list[_Choice] = []
    for recording, inspection in kept:
        if left_s is not None and left_s < 1.0:
            break
        choices.append(_Choice(recording, inspection, left_s))
        left_s = None if left_s is None else left_s - inspection.duration_s
    return choices


def _treat(task: Task, choice: _Choice, progress: Callable[[float], None]) -> Prepared:
    limits = task.engine.limits
    target = TargetFormat(
        container=limits.containers[0],
        max_rate_hz=limits.rate_hz,
        max_duration_s=choice.max_duration_s,
        max_size_bytes=int(limits.file_bytes.most) if limits.file_bytes.most else None,
    )
    folder = task.folder / choice.recording.id
    folder.mkdir(exist_ok=True)
    return treat(
        task.decoder,
        task.original(choice.recording),
        filename=choice.recording.filename,
        inspection=choice.inspection,
        wish=TreatmentWish(denoise=task.denoise.value, trim=task.trim.value),
        target=target,
        limits=decode_limits(task.services.settings),
        folder=folder,
        progress=progress,
    )
