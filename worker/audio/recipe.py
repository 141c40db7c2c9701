"""What was done to a recording, in order: a treatment's name, its settings, and what it measured.

A record only; nothing is done from here. Written once by `worker.audio.preparation`, read by reports and by people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, float | int | str | bool | None]


@dataclass(frozen=True, slots=True)
class Treatment:
    """One thing that was done. Numbers carry their unit in the key."""

    name: str
    settings: Values = field(default_factory=dict)
    measured: Values = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "settings": dict(self.settings), "measured": dict(self.measured)}


@dataclass(frozen=True, slots=True)
class Recipe:
    """The treatments of one recording in the order in which they were applied."""

    treatments: tuple[Treatment, ...] = ()

    def plus(self, treatment: Treatment) -> "Recipe":
        return Recipe((*self.treatments, treatment))

    def to_json(self) -> list[dict[str, Any]]:
        return [treatment.to_json() for treatment in self.treatments]

    @classmethod
    def from_json(cls, stored: list[Mapping[str, Any]]) -> "Recipe":
        """Read back what `to_json` returned. Raises: KeyError."""
        return cls(tuple(Treatment(entry["name"], entry["settings"], entry["measured"]) for entry in stored))
