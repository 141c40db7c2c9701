"""How the native door writes what was measured of recordings and what was made of them.

Our own fields are in camelCase, as everywhere; what the sound room measured keeps its names, whose last word is the
unit.
"""

from collections.abc import Mapping
from typing import Any

from shared.sent import SentFile
from shared.views import SampleView

_GRAVEST_FIRST = ("refuse", "warn", "ok")
_BESIDE = ("findings", "warnings")


def sample_report(sample: SampleView) -> dict[str, Any]:
    """Return a recording's report; `before` and `verdict` are null until it was inspected."""
    return {
        "sampleId": sample.id,
        "filename": sample.filename,
        "format": sample.container,
        "sizeBytes": sample.size_bytes,
        "sha256": sample.sha256,
        **inspection_report(sample.inspection),
    }


def inspection_report(inspection: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what an inspection found: the verdict and what it is made of, then the figures."""
    if inspection is None:
        return {"verdict": None, "findings": [], "warnings": [], "before": None}
    found = {finding["verdict"] for finding in inspection["findings"]}
    return {
        "verdict": next((verdict for verdict in _GRAVEST_FIRST if verdict in found), None),
        "findings": inspection["findings"],
        "warnings": inspection["warnings"],
        "before": {name: value for name, value in inspection.items() if name not in _BESIDE},
    }


def sent_report(sent: SentFile) -> dict[str, Any]:
    """Return the report of a file for the vendor."""
    made = sent.preparation
    here = f"/api/v2/voice-clones/{sent.clone_id}/sent/{sent.number}"
    return {
        "number": sent.number,
        "container": sent.container,
        "rateHz": sent.rate_hz,
        "durationSeconds": sent.duration_s,
        "sizeBytes": sent.size_bytes,
        "sha256": sent.sha256,
        "before": made["before"],
        "after": made["after"],
        "notes": [
            {"sampleId": note["source"]} | {name: value for name, value in note.items() if name != "source"}
            for note in made["notes"]
        ],
        "sources": [
            {
                "sampleId": stretch.sample_id,
                "startSeconds": round(stretch.start_s, 3),
                "endSeconds": round(stretch.end_s, 3),
                "atSeconds": round(stretch.at_s, 3),
            }
            for stretch in sent.stretches()
        ],
        "recipe": made["recipe"],
        "urls": {"audio": f"{here}/audio", "peaks": f"{here}/peaks"},
    }
