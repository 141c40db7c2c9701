"""What a preparation is asked for and what comes out of it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from worker.audio.encode import Container
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
    """A recording ready for its engine. The SNR figures are of the kept stretch, before and after the treatments."""

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

    def to_json(self) -> dict[str, Any]:
        """Return everything but the path as JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "path"}
        return values | {"recipe": self.recipe.to_json()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], path: Path) -> "Prepared":
        """Read back what `to_json` returned; unknown keys are left out. Raises: KeyError."""
        known = {field.name: stored[field.name] for field in fields(cls) if field.name != "path"}
        return cls(path=path, **known | {"recipe": Recipe.from_json(stored["recipe"])})
