"""What a preparation is asked for and what comes out of it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from worker.audio.files.encode import Container
from worker.audio.measure.inspection import Examination
from worker.audio.measure.measures import Measures
from worker.audio.measure.peaks import Peaks
from worker.audio.treat.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner asked for. `auto` is by need."""

    denoise: Literal["auto", "on", "off"] = "auto"
    trim: Literal["auto", "off"] = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A recording to prepare: its id and the owner's name for it, its bytes, and what was found out about it.

    `copy` is where the shelf was when it was measured, if there was one; there need not be anything.
    """

    id: str
    filename: str
    path: Path
    sha256: str
    examination: Examination
    copy: Path | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What was done about the noise of one recording, or of its noisy stretches, and why, for its owner."""

    source: str
    denoise: str
    cap_db: float
    tried: str | None
    reason: str
    snr_before_db: float | None
    snr_after_db: float | None
    voice_kept: float | None

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file ready for its engine, made of one or more recordings.

    Attributes:
        recipe: What was done, exact enough to do it again.
        before: The measures of the chosen stretches as they were recorded.
        after: The measures of the file.
        notes: What was done about the noise, one for each part of the recipe.
        peaks: The outline for drawing, kept apart from the report.
    """

    path: Path
    container: Container
    rate_hz: int
    duration_s: float
    size_bytes: int
    sha256: str
    recipe: Recipe
    before: Measures
    after: Measures
    notes: tuple[Note, ...]
    peaks: Peaks | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the path and the outline as JSON values."""
        return {
            "container": self.container,
            "rate_hz": self.rate_hz,
            "duration_s": self.duration_s,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "recipe": self.recipe.to_json(),
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "notes": [note.to_json() for note in self.notes],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], path: Path) -> "Prepared":
        """Read back what `to_json` returned; unknown keys are left out. Raises: KeyError, TypeError."""
        return cls(
            path=path,
            container=stored["container"],
            rate_hz=stored["rate_hz"],
            duration_s=stored["duration_s"],
            size_bytes=stored["size_bytes"],
            sha256=stored["sha256"],
            recipe=Recipe.from_json(stored["recipe"]),
            before=Measures.from_json(stored["before"]),
            after=Measures.from_json(stored["after"]),
            notes=tuple(Note(**note) for note in stored["notes"]),
        )
