"""What is known of a recording moment by moment: found in `validate`, kept on this machine for `prepare`.

The moments are megabytes that nobody but the next stage wants, so they lie in the job's folder and not in the database.
A stage that does not find them there inspects the recording again. The sound itself lies there as well, decoded, where
there is room for it. It must not judge anything.
"""

import contextlib
import zipfile
from collections.abc import Callable
from typing import Final

from worker.audio.inspector import listen
from worker.audio.measure.inspection import Examination, Inspection
from worker.audio.scratch import Shelf
from worker.stages.limits import decode_limits
from worker.task import Recording, Task

# Everything that a file which is missing, cut off or of another version can raise.
_UNUSABLE: Final = (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile)


def examine(task: Task, recording: Recording, progress: Callable[[float], None]) -> Examination:
    """Return the examination of a recording, kept from an earlier stage of this job here or made now.

    `progress` gets fractions from 0 to 1, and nothing where it was kept. What is kept has no outline.

    Raises: AudioUnreadable, AudioTooLong, DecoderLost, SourceMissing.
    """
    path = task.folder / f"{recording.id}.npz"
    if recording.inspection is not None:
        with contextlib.suppress(*_UNUSABLE):
            return Examination.load(path, Inspection.from_json(recording.inspection))
    found = listen(
        task.decoder,
        task.original(recording),
        filename=recording.filename,
        limits=decode_limits(task.services.settings),
        progress=progress,
        shelf=Shelf.of(task.folder, recording.id),
    )
    with contextlib.suppress(OSError):  # a disk that is full costs another inspection, not the job
        found.save(path)
    return found
