"""Everything that was done to make a file of recordings, exact enough to do it again bit for bit.

A record only; nothing is done from here. `worker.audio.preparation` decides and writes it,
`worker.audio.treat.cooking` does what it says, reports and people read it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from worker.audio.choose.planning import Cut
from worker.audio.files.encode import Container
from worker.audio.measure.downmix import Mix
from worker.audio.tracks import Span
from worker.audio.treat.policy import Method


@dataclass(frozen=True, slots=True)
class Part:
    """What is done to everything that is taken from one recording, or to its clean or its noisy stretches.

    Attributes:
        source: The recording's id.
        sha256: What its bytes hash to.
        mix: How it becomes mono.
        denoise: How noise is turned down, and by how much at the most.
        gain_db: What brings it to the loudness of the other parts, before they are joined.
    """

    source: str
    sha256: str
    mix: Mix
    denoise: Method
    cap_db: float
    gain_db: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """One file that is sent: its parts, its cuts in the order of the file, and what was done to the whole."""

    parts: tuple[Part, ...]
    cuts: tuple[Cut, ...]
    rate_hz: int
    gain_db: float
    container: Container

    def to_json(self) -> dict[str, Any]:
        return {
            "parts": [asdict(part) for part in self.parts],
            "cuts": [{"part": cut.part, "start_s": cut.span.start_s, "end_s": cut.span.end_s} for cut in self.cuts],
            "rate_hz": self.rate_hz,
            "gain_db": self.gain_db,
            "container": self.container,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Recipe":
        """Read back what `to_json` returned. Raises: KeyError, TypeError."""
        return cls(
            parts=tuple(Part(**{**part, "mix": Mix(**part["mix"])}) for part in stored["parts"]),
            cuts=tuple(Cut(cut["part"], Span(cut["start_s"], cut["end_s"])) for cut in stored["cuts"]),
            rate_hz=stored["rate_hz"],
            gain_db=stored["gain_db"],
            container=stored["container"],
        )
