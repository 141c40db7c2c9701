"""Stage 2: make of the recordings what the engine takes: enough files, long enough, small enough, clean and level.

The originals stay as they were uploaded. An engine's maxima are never a reason to refuse: what is too much is chosen
from. Its minimum is one.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from shared import held
from shared.db.models import PreparedFile
from shared.db.moment import db_now
from shared.errors import AudioTooShort
from shared.states import JobKind, Stage
from shared.vendors.engines import Limits, Range
from worker.audio.preparation import Prepared, Source, Wish
from worker.audio.preparation import prepare as make
from worker.audio.scratch import Shelf
from worker.endings import Advance, Ending
from worker.stages.examinations import examine
from worker.stages.limits import TOLERANCE_S, decode_limits, least_s, target_of
from worker.task import Task

CONTENT_TYPES = {"wav": "audio/wav", "flac": "audio/flac"}

# Of the stage, for progress: until all recordings are known, until the files are made; then they are stored.
_EXAMINED, _MADE = 0.3, 0.9


def prepare(task: Task) -> Ending:
    """Make the files and store them.

    Raises: AudioTooShort, AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing, StorageUnavailable.
    """
    sources, taken = _sources(task), _limits(task)
    _check_enough(task, taken, sum(source.examination.inspection.duration_s for source in sources))
    files = make(
        task.decoder,
        sources,
        target=target_of(taken),
        wish=Wish(denoise=task.denoise.value, trim=task.trim.value),
        limits=decode_limits(task.services.settings),
        folder=task.folder,
        progress=task.part(_EXAMINED, _MADE - _EXAMINED),
    )
    _check_enough(task, taken, sum(file.duration_s for file in files))
    keys = _store(task, files)

    def save(session: Session) -> None:
        session.execute(delete(PreparedFile).where(PreparedFile.job_id == task.claim.job_id))
        before = session.scalar(
            select(func.max(PreparedFile.number)).where(PreparedFile.clone_id == task.claim.clone_id)
        )
        for number, (key, file) in enumerate(zip(keys, files, strict=True), start=(before or 0) + 1):
            session.execute(insert(PreparedFile).values(**_row(task, number, key, file)))

    return Advance(Stage.SUBMIT, save)


def _limits(task: Task) -> Limits:
    """Return what the engine takes of this job: a voice that exists needs no least in all, and has less room."""
    limits = task.engine.limits
    if task.claim.kind is not JobKind.EXTEND:
        return limits
    room, most = limits.files.most, task.engine.abilities.max_samples
    if most is not None:
        with task.services.database.read() as session:
            room = most - held.count(session, task.claim.clone_id)
    return replace(limits, files=Range(1, room), total_s=Range(None, limits.total_s.most))


def _sources(task: Task) -> list[Source]:
    count = len(task.recordings)
    return [
        Source(
            id=recording.id,
            filename=recording.filename,
            path=task.original(recording),
            sha256=recording.sha256,
            examination=examine(task, recording, task.part(_EXAMINED * number / count, _EXAMINED / count)),
            copy=Shelf.of(task.folder, recording.id).path,
        )
        for number, recording in enumerate(task.recordings)
    ]


def _check_enough(task: Task, taken: Limits, found_s: float) -> None:
    """Refuse what the engine cannot make a voice of. Raises: AudioTooShort."""
    needed_s = least_s(taken)
    if needed_s is None or found_s > needed_s - TOLERANCE_S:
        return
    filenames = [recording.filename for recording in task.recordings]
    named = filenames[0] if len(filenames) == 1 else f"{', '.join(filenames[:-1])} and {filenames[-1]} together"
    raise AudioTooShort(
        f"{named} {'has' if len(filenames) == 1 else 'have'} {found_s:.1f} s of sound that can be used; "
        f"{task.claim.vendor}/{task.claim.engine} needs at least {needed_s:g} s. "
        "Upload more recordings of this person, or choose an engine that takes less.",
        limit_s=needed_s,
        found_s=round(found_s, 1),
    )


def _store(task: Task, files: Sequence[Prepared]) -> list[str]:
    """Store the files beside the recordings, under keys that only this run uses; return the keys."""
    folder = f"{task.recordings[0].clone_folder}/prepared"
    word = task.claim.job_id.partition("_")[2][:8]
    keys: list[str] = []
    for number, file in enumerate(files, start=1):
        keys.append(f"{folder}/{word}-{task.claim.fence}-{number}.{file.container}")
        task.store(keys[-1], file.path, CONTENT_TYPES[file.container])
        task.show(_MADE + (1 - _MADE) * number / len(files))
    return keys


def _row(task: Task, number: int, key: str, file: Prepared) -> dict[str, object]:
    return {
        "clone_id": task.claim.clone_id,
        "number": number,
        "account_id": task.claim.account_id,
        "job_id": task.claim.job_id,
        "object_key": key,
        "container": file.container,
        "rate_hz": file.rate_hz,
        "duration_s": file.duration_s,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "cleaned": any(part.denoise != "none" for part in file.recipe.parts),
        "preparation": file.to_json(),
        "peaks": file.peaks.to_json() if file.peaks else None,
        "created_at": db_now(),
    }
