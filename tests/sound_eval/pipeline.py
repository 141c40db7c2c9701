"""The only place where the evaluation touches the project: one recording in, what a vendor would get out."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

from shared.errors import AudioError
from worker.audio.choose.planning import Target
from worker.audio.files.decoder import Decoder
from worker.audio.files.wire import DecodeLimits
from worker.audio.inspector import inspect
from worker.audio.measure.inspection import Examination
from worker.audio.measure.verdicts import Verdict
from worker.audio.preparation import prepare
from worker.audio.treat.prepared import Prepared, Source, Wish

WHOLE: Final = Target(container="wav")  # an engine that takes everything
TEN_SECONDS: Final = Target(container="wav", best_s=10.0, least_s=5.0, max_files=1)
EXPECTED: Final = {
    "telephone": frozenset({"bandwidth"}),
    "clipping": frozenset({"flat_tops", "hidden_clipping"}),
    "echo": frozenset({"echo"}),
    "voices": frozenset({"one_voice"}),
}
LIMITS: Final = DecodeLimits(max_duration_s=4 * 3600.0, memory_bytes=768 * 1024 * 1024)

Mono = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Checked:
    """What the owner would read: why it is refused (an error's code, or None), and the names of the warnings."""

    refusal: str | None
    warnings: frozenset[str]


@dataclass(frozen=True, slots=True)
class Treated:
    """What would be sent.

    Attributes:
        sound: The file's samples, shape (frames,).
        spans_s: Where they were taken from, in seconds of the original, in the order of the file.
        gain_db: How much they were raised.
        denoise: How noise was turned down, `none` for not at all.
        stray_files: Files beyond the first, which are not scored.
    """

    sound: Mono
    rate_hz: int
    spans_s: tuple[tuple[float, float], ...]
    gain_db: float
    denoise: str
    stray_files: int


class Pipeline:
    """Checks and treats recordings, as the stages of the worker do."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def check(self, path: Path) -> Checked:
        try:
            found = self._inspect(path)
        except AudioError as refused:
            return Checked(refused.code, frozenset())
        findings = found.inspection.findings
        return Checked(None, frozenset(each.name for each in findings if each.verdict is not Verdict.OK))

    def treat(self, path: Path, target: Target = WHOLE) -> Treated | str:
        """Return what is made of a recording in `auto`, or the code of its refusal."""
        try:
            with tempfile.TemporaryDirectory(prefix="sound-eval-") as folder:
                return _read(self.prepare(path, target, Path(folder)))
        except AudioError as refused:
            return refused.code

    def prepare(self, path: Path, target: Target, folder: Path, wish: Wish | None = None) -> tuple[Prepared, ...]:
        """Return the files, left in `folder`. Raises: AudioError."""
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        source = Source(id="one", filename=path.name, path=path, sha256=sha256, examination=self._inspect(path))
        return prepare(
            self._decoder, [source], target=target, wish=wish or Wish(), limits=LIMITS, folder=folder, progress=_ignored
        )

    def _inspect(self, path: Path) -> Examination:
        return inspect(self._decoder, path, filename=path.name, limits=LIMITS, progress=_ignored)


@contextmanager
def running() -> Iterator[Pipeline]:
    """Hold a pipeline with its decoder."""
    with Decoder() as decoder:
        decoder.start()
        yield Pipeline(decoder)


def _read(files: tuple[Prepared, ...]) -> Treated:
    made, *others = files
    sound, rate_hz = soundfile.read(made.path, dtype="float32")
    recipe = made.recipe
    return Treated(
        sound=sound,
        rate_hz=rate_hz,
        spans_s=tuple((cut.span.start_s, cut.span.end_s) for cut in recipe.cuts),
        gain_db=recipe.gain_db + recipe.parts[0].gain_db,
        denoise=recipe.parts[0].denoise,
        stray_files=len(others),
    )


def _ignored(_fraction: float) -> None:
    """Report to nobody."""
