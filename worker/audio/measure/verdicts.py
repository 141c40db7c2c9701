"""What each measure of a recording means to its owner: the limits, the verdict, and one sentence on what to do.

Declared once, here; reports, refusals and the README's table read it. The figures behind the limits are in the README
("Sound"). It must not measure anything.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final


class Verdict(StrEnum):
    """What a finding means: fine, worth knowing, or no voice can be cloned from this."""

    OK = "ok"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Check:
    """One measure and its limits. `more_is_better` tells on which side of a limit the trouble lies."""

    name: str
    unit: str
    what: str
    more_is_better: bool
    warn: float | None
    refuse: float | None
    advice: str

    def judge(self, value: float | None) -> "Finding":
        """Return the finding for a value; what could not be measured is no trouble."""
        verdict = Verdict.OK
        if self._passes(value, self.refuse):
            verdict = Verdict.REFUSE
        elif self._passes(value, self.warn):
            verdict = Verdict.WARN
        rounded = None if value is None else round(value, 3)
        advice = None if verdict is Verdict.OK else self.advice
        return Finding(self.name, rounded, self.unit, self.warn, self.refuse, verdict, advice)

    def _passes(self, value: float | None, limit: float | None) -> bool:
        if value is None or limit is None:
            return False
        return value < limit if self.more_is_better else value > limit


@dataclass(frozen=True, slots=True)
class Finding:
    """A measure, its limits, and what to make of it. `advice` is None where there is nothing to do."""

    name: str
    value: float | None
    unit: str
    warn: float | None
    refuse: float | None
    verdict: Verdict
    advice: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict.value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Finding":
        """Read back what `to_json` returned. Raises: KeyError, TypeError, ValueError."""
        return cls(**{**stored, "verdict": Verdict(stored["verdict"])})


_MORE, _LESS = True, False

# SNR: while it speaks, a voice stands 1 to 5 dB higher above the noise than the whole recording with its pauses does.
# Bandwidth: what was sampled at 11.025 kHz or less, as telephones do, ends below 5.6 kHz; an MP3 of few bits above it.
# Loudness: at -50 LUFS, 16 bits still lie 45 dB and more under the voice, and gain is all that is needed.

CHECKS: Final = {
    check.name: check
    for check in (
        Check(
            "duration", "s", "sound that could be decoded", _MORE, None, 1.0,
            "Record more, or check that the export was complete.",
        ),
        Check(
            "missing", "share", "claimed by the header and not there", _LESS, 0.05, None,
            "The file breaks off or is damaged, and a part of it could not be read: export it again.",
        ),
        Check(
            "loudness", "LUFS", "integrated loudness (BS.1770)", _MORE, -50.0, -60.0,
            "Very quiet: check that the right microphone was recorded and not muted, and move closer to it.",
        ),
        Check(
            "speech", "s", "windows that sound like a voice", _MORE, None, 0.3,
            "Upload a recording in which the speaker is clearly heard.",
        ),
        Check(
            "speech_share", "share", "speech in what is about as loud as the voice or louder", _MORE, 0.5, 0.3,
            "Record the speaker without music, machines or other loud sounds.",
        ),
        Check(
            "snr", "dB", "voice over noise, while it speaks", _MORE, 20.0, 9.2,
            "Noisy: record in a quieter room, or move closer to the microphone.",
        ),
        Check(
            "flat_tops", "per 10,000 samples", "clipped samples", _LESS, 0.5, 500.0,
            "Clipped: lower the recording level by 6 dB or more and record again.",
        ),
        Check(
            "hidden_clipping", "per 10,000 samples", "samples crowded under the peak", _LESS, 35.0, None,
            "The recording was clipped before it was saved: lower the recording level and record again.",
        ),
        Check(
            "bandwidth", "Hz", "highest frequency of the voice", _MORE, 5_600.0, None,
            "Sounds like a telephone: record with a microphone at 44.1 or 48 kHz, not through a call.",
        ),
        Check(
            "echo", "s", "decay after word ends (T60-like)", _LESS, 0.30, None,
            "Echoing room: move closer to the microphone, or record among curtains and cushions.",
        ),
        Check(
            "one_voice", "cosine", "likeness of the most different parts of the speech", _MORE, 0.77, None,
            "More than one voice seems to speak: upload recordings of one person only.",
        ),
        Check(
            "cleaned_before", "share", "pauses that flicker between the holes of a denoiser", _LESS, 0.6, None,
            "Looks as if noise had been removed already: upload the recording as it was made, if you have it.",
        ),
    )
}  # fmt: skip


def worst(findings: Mapping[str, Finding] | tuple[Finding, ...]) -> Verdict:
    """Return the gravest verdict of several; OK for none."""
    each = findings.values() if isinstance(findings, Mapping) else findings
    found = {finding.verdict for finding in each}
    return next((verdict for verdict in (Verdict.REFUSE, Verdict.WARN) if verdict in found), Verdict.OK)
