"""Check recordings before anything is created or paid, as a child process: `python -m worker.check`.

One request comes on the standard input, one answer goes to the standard output, both JSON; progress goes to the
standard error, a line `{"fraction": 0.42}` at a time. What it does to recordings is what `validate` and `prepare` do,
by the same functions. It writes into the folder that it is given and nowhere else, ends with whoever started it, and
never shows a trace in its answer.

    {"files": [{"id", "filename", "path", "sha256"}], "vendor", "engine", "wish": {"denoise", "trim"},
     "limits": {"max_duration_s", "memory_bytes"}, "folder"}
    {"files": [{"id", "inspection" or null, "error" or null}], "sent": […], "engine": {"verdict", "reasons"}}
    {"failure": {"code", "message"}}      where it was not the recordings' fault
"""

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from shared import leash
from shared.errors import AudioError, ServiceError
from shared.vendors import engine_named
from shared.vendors.engines import Engine
from worker.appraisal import Heard, appraise
from worker.audio.files.decoder import Decoder
from worker.audio.files.wire import DecodeLimits
from worker.audio.inspector import listen
from worker.audio.measure.persons import strangers
from worker.audio.preparation import Prepared, Source, Wish, prepare
from worker.audio.progress import Advance, Progress
from worker.audio.refusal import refusal_of
from worker.audio.scratch import Shelf
from worker.stages.limits import target_of

INSPECTED: Final = 0.7  # of the way, when all recordings have been looked at
_STEP: Final = 0.01  # of progress that is worth a line


@dataclass(frozen=True, slots=True)
class Upload:
    """A recording to check. `filename` is its owner's name for it."""

    id: str
    filename: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be checked: the recordings, for which engine, with which wishes, within which limits."""

    files: tuple[Upload, ...]
    vendor: str
    engine: Engine
    wish: Wish
    limits: DecodeLimits
    folder: Path

    @classmethod
    def from_json(cls, sent: Mapping[str, Any]) -> "Request":
        """Read a request. Raises: KeyError, TypeError; InvalidField: for an engine that is not declared."""
        return cls(
            files=tuple(Upload(**{**each, "path": Path(each["path"])}) for each in sent["files"]),
            vendor=sent["vendor"],
            engine=engine_named(sent["vendor"], sent["engine"]),
            wish=Wish(**sent["wish"]),
            limits=DecodeLimits(**sent["limits"]),
            folder=Path(sent["folder"]),
        )


def check(request: Request, decoder: Decoder, progress: Progress) -> dict[str, Any]:
    """Look at every recording and, where none is refused, prepare what would be sent; return the answer.

    Raises: DecoderLost, SourceMissing, OSError: for the folder.
    """
    advance = Advance(progress)
    sent: Sequence[Prepared] = ()
    with tempfile.TemporaryDirectory(prefix="copies-", dir=request.folder) as copies:
        heard, sources = _listen(request, decoder, advance.within(0.0, INSPECTED), Path(copies))
        if all(each.error is None for each in heard):
            part = advance.within(INSPECTED, 1.0)
            sent = prepare(
                decoder,
                sources,
                target=target_of(request.engine.limits),
                wish=request.wish,
                limits=request.limits,
                folder=request.folder,
                progress=part.report,
            )
    appraisal = appraise(f"{request.vendor}/{request.engine.name}", request.engine.limits, heard, sent)
    return {
        "files": [each.to_json() for each in heard],
        "sent": [each.to_json() for each in sent],
        "engine": appraisal.to_json(),
    }


def _listen(request: Request, decoder: Decoder, advance: Advance, copies: Path) -> tuple[list[Heard], list[Source]]:
    """Inspect every recording; one that is refused does not hide the others. `copies` is for what was decoded."""
    heard: list[Heard] = []
    sources: list[Source] = []
    sizes_bytes = [file.path.stat().st_size for file in request.files]
    total_bytes, done_bytes = sum(sizes_bytes) or 1, 0
    for file, size_bytes in zip(request.files, sizes_bytes, strict=True):
        part = advance.within(done_bytes / total_bytes, (done_bytes + size_bytes) / total_bytes)
        done_bytes += size_bytes
        shelf = Shelf.of(copies, f"{len(heard)}")
        try:
            found = listen(
                decoder, file.path, filename=file.filename, limits=request.limits, progress=part.report, shelf=shelf
            )
        except AudioError as error:
            heard.append(Heard(file.id, file.filename, error=error))
            part.report(1.0)
        else:
            refusal = refusal_of(found, file.filename)
            heard.append(Heard(file.id, file.filename, found.inspection, refusal))
            sources.append(Source(file.id, file.filename, file.path, file.sha256, found, shelf.path))
    good = [source.examination for source in sources]
    unlike = strangers([each.voice for each in good], [each.inspection.measures.speech_s for each in good])
    likeness = {sources[number].id: like for number, like in unlike.items()}
    return [replace(each, stranger=likeness.get(each.id)) for each in heard], sources


class _ProgressLines:
    """Writes the fraction for whoever reads the standard error; a reader that is gone is no error."""

    def __init__(self) -> None:
        self._told = -1.0

    def __call__(self, fraction: float) -> None:
        if fraction - self._told >= _STEP or fraction >= 1.0 > self._told:
            self._told = fraction
            sys.stderr.write(json.dumps({"fraction": round(fraction, 3)}) + "\n")
            sys.stderr.flush()


def answer(text: str | bytes) -> dict[str, Any]:
    """Return the answer to a request; whatever goes wrong becomes a `failure`, its trace a few lines for the log."""
    try:
        request = Request.from_json(json.loads(text))
        leash.watch(partial(shutil.rmtree, request.folder, ignore_errors=True), grace_s=0.0)
        with Decoder() as decoder:
            return check(request, decoder, _ProgressLines())
    except ServiceError as error:
        return {"failure": {"code": error.code, "message": error.message}}
    except Exception:
        sys.stderr.write(traceback.format_exc())
        return {"failure": {"code": ServiceError.code, "message": ServiceError().message}}


def main() -> int:
    """Answer one request. What a library writes to the standard output must not get between the answer's lines."""
    told_fd = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    found = answer(sys.stdin.buffer.read())
    # Left open, so that the answer ends when the process does, and whoever reads it learns its real exit code.
    with os.fdopen(told_fd, "w", encoding="utf-8", closefd=False) as told:
        json.dump(found, told, ensure_ascii=False, allow_nan=False)
    return 1 if "failure" in found else 0


if __name__ == "__main__":
    sys.exit(main())
