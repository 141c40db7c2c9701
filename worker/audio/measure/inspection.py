"""What was found out about a recording: what its owner reads, and what its preparation goes by. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from worker.audio.measure.downmix import Mix
from worker.audio.measure.hops import Powers
from worker.audio.measure.measures import Measures
from worker.audio.measure.peaks import Peaks
from worker.audio.measure.verdicts import Finding, Verdict, worst
from worker.audio.tracks import Span, Tracks


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the owner of a recording reads. Levels are of the mono signal that `mix` makes.

    `header_duration_s` is the file's own claim, `duration_s` what was decoded. Each warning begins with a word and a
    colon, such as `truncated:`. The outline for drawing is kept apart from the report.
    """

    format: str
    codec: str
    rate_hz: int
    channels: int
    duration_s: float
    header_duration_s: float | None
    mix: Mix
    measures: Measures
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    peaks: Peaks | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The gravest of all findings."""
        return worst(self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the outline as JSON values; all numbers are finite."""
        return {
            "format": self.format,
            "codec": self.codec,
            "rate_hz": self.rate_hz,
            "channels": self.channels,
            "duration_s": self.duration_s,
            "header_duration_s": self.header_duration_s,
            "mix": self.mix.to_json(),
            "measures": self.measures.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Inspection":
        """Read back what `to_json` returned; unknown keys are left out. Raises: KeyError, TypeError."""
        return cls(
            format=stored["format"],
            codec=stored["codec"],
            rate_hz=stored["rate_hz"],
            channels=stored["channels"],
            duration_s=stored["duration_s"],
            header_duration_s=stored["header_duration_s"],
            mix=Mix(**stored["mix"]),
            measures=Measures.from_json(stored["measures"]),
            findings=tuple(Finding.from_json(each) for each in stored["findings"]),
            warnings=tuple(stored["warnings"]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """An inspection with what only the preparation needs: the recording's moments.

    Attributes:
        flat_tops_per_s: Clipped samples of every second.
        foreign: Where another than the main voice seems to speak.
        voice: The voiceprint of the main voice, a unit vector; None where there was too little speech.
        loudness_steps: The weighted power of every 100 ms; None where nobody measured it.
    """

    inspection: Inspection
    tracks: Tracks
    flat_tops_per_s: npt.NDArray[np.int32]
    foreign: tuple[Span, ...]
    voice: npt.NDArray[np.float32] | None = None
    loudness_steps: Powers | None = None

    def save(self, path: Path) -> None:
        """Write the moments to a file, for a later stage of the same job on this machine. Raises: OSError."""
        foreign = np.array([(span.start_s, span.end_s) for span in self.foreign], np.float64).reshape(-1, 2)
        tracks = self.tracks
        with path.open("wb") as target:
            np.savez(
                target,
                levels_db=tracks.levels_db,
                speech=tracks.speech,
                listened=tracks.listened,
                bands_db=tracks.bands_db,
                by=np.array(tracks.by),
                gain=np.array(tracks.gain),
                flat_tops=self.flat_tops_per_s,
                foreign=foreign,
                voice=np.zeros(0, np.float32) if self.voice is None else self.voice,
                steps=np.zeros(0, np.float32) if self.loudness_steps is None else self.loudness_steps,
            )

    @classmethod
    def load(cls, path: Path, inspection: Inspection) -> "Examination":
        """Read back what `save` wrote.

        Raises: OSError, EOFError, KeyError, ValueError, BadZipFile: for a file that is not whole.
        """
        # Opened here: where it is no whole archive, numpy would leave it open.
        with path.open("rb") as source, np.load(source, allow_pickle=False) as stored:
            by = str(stored["by"])
            tracks = Tracks(
                stored["levels_db"],
                stored["speech"],
                stored["listened"],
                stored["bands_db"],
                "silero" if by == "silero" else "energy",
                float(stored["gain"]),
            )
            foreign = tuple(Span(float(start_s), float(end_s)) for start_s, end_s in stored["foreign"])
            voice, steps = (stored[name] if stored[name].size else None for name in ("voice", "steps"))
            return cls(inspection, tracks, stored["flat_tops"], foreign, voice, steps)
