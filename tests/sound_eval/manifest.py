"""Which recording of a folder is what. Nothing is guessed from names or from the sound."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILENAME: Final = "sounds.csv"
KINDS: Final = {
    "clean": "one voice, 30 dB or more over the noise",
    "noise": "no voice in it: to be mixed with speech, and to be refused",
    "event": "sounds that come and go, no voice: to be refused, not mixed with speech",
    "babble": "noise with voices in it: to be mixed with speech; nothing is expected of it alone",
    "music": "to be refused",
    "multi": "several voices: a warning is expected",
    "reverb": "one voice in an echoing room: a warning is expected",
    "silence": "to be refused",
}
COLUMNS: Final = ("file", "kind", "speaker")


class ManifestError(Exception):
    """The list is missing or cannot be used; the message says what is needed."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A line of the list; `speaker` is empty where there is none or nobody knows."""

    path: Path
    kind: str
    speaker: str

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True)
class Sounds:
    """The recordings by what they are."""

    recordings: tuple[Recording, ...]

    def of(self, *kinds: str) -> tuple[Recording, ...]:
        return tuple(each for each in self.recordings if each.kind in kinds)

    def limited(self, count: int | None) -> "Sounds":
        """Return at most `count` recordings of each kind, spread over its list."""
        if count is None:
            return self
        return Sounds(tuple(each for kind in KINDS for each in spread(self.of(kind), count)))


def spread(recordings: Sequence[Recording], count: int) -> tuple[Recording, ...]:
    """Return at most `count`, at even distances."""
    kept = min(count, len(recordings))
    return tuple(recordings[index * len(recordings) // kept] for index in range(kept))


def read(folder: Path, manifest: Path | None = None) -> Sounds:
    """Return what the list says of the folder. Raises: ManifestError."""
    source = manifest or folder / FILENAME
    if not source.is_file():
        raise ManifestError(f"{source} does not exist. {needed()}")
    with source.open(newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise ManifestError(f"{source} begins with {lines.fieldnames}. {needed()}")
        found = tuple(_recording(folder, line, source, number) for number, line in enumerate(lines, start=2))
    if not any(each.kind == "clean" for each in found):
        raise ManifestError(f"{source} lists no clean speech; without it nothing can be scored.")
    return Sounds(found)


def _recording(folder: Path, line: dict[str, str], source: Path, number: int) -> Recording:
    path = folder / line["file"]
    if line["kind"] not in KINDS:
        raise ManifestError(f"{source}, line {number}: '{line['kind']}' is no kind. {needed()}")
    if not path.is_file():
        raise ManifestError(f"{source}, line {number}: {path} does not exist.")
    return Recording(path, line["kind"], line["speaker"])


def needed() -> str:
    """Return what a list has to look like."""
    kinds = "\n".join(f"  {kind:8}{meaning}" for kind, meaning in KINDS.items())
    return (
        f"Needed is a CSV file, {FILENAME} in the folder or named by --manifest, with the columns {','.join(COLUMNS)}, "
        f"a line for each recording (paths within the folder; the speaker may be left empty) and these kinds:\n{kinds}"
    )
