"""What a preparation is asked for and what comes out of it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from worker.audio.encode import Container
from worker.audio.peaks import Peaks
from worker.audio.recipe import Recipe


@dataclass(frozen=True, slots=True)
class TreatmentWish:
    """What the owner asked for. `auto` is by need."""

    denoise: Literal["auto", "on", "off"] = "auto"
    trim: Literal["auto", "off"] = "auto"


@dataclass(frozen=True, slots=True)
class TargetFormat:
    """What the engine takes; None is no limit."""

    container: Container = "wav"
    max_rate_hz: int | None = None
    max_duration_s: float | None = None
    max_size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording ready for its engine. The SNR figures are of the kept stretch, before and after the treatments.

    The outline for drawing is kept apart from the report.
    """

    path: Path
    container: Container
    rate_hz: int
    duration_s: float
    size_bytes: int
    sha256: str
    recipe: Recipe
    loudness_lufs: float | None
    snr_before_db: float | None
    snr_after_db: float | None
    peaks: Peaks | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the path and the outline as JSON values."""
        values = {name: getattr(self, name) for name in _stored_names()}
        return values | {"recipe": self.recipe.to_json()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], path: Path) -> "Prepared":
        """Read back what `to_json` returned; unknown keys are left out. Raises: KeyError."""
        known = {name: stored[name] for name in _stored_names()}
        return cls(path=path, **known | {"recipe": Recipe.from_json(stored["recipe"])})


def _stored_names() -> list[str]:
    return [each.name for each in fields(Prepared) if each.name not in {"path", "peaks"}]
