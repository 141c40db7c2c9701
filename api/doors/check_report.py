"""How a check is written, by the native door and by the command `clonepipe check`: a clone's report, and a verdict.

It is put together from the report's own parts, so that what is told before and after creating is told alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from api.checker import Checked, CheckedFile, CheckOrder
from api.doors.native_report import inspection_report, sent_report
from shared.errors import RequestError
from shared.sent import SentFile


def check_report(order: CheckOrder, found: Checked, ignored_fields: Sequence[str] = ()) -> dict[str, Any]:
    """Return what was found; a recording's id is its place in the request, for nothing of it is kept."""
    shape: dict[str, Any] = {
        "vendor": order.vendor,
        "engine": order.engine,
        "verdict": found.verdict,
        "reasons": list(found.reasons),
        "samples": [_sample(file, found.files[file.id]) for file in order.files],
        "sent": [_sent(number, made) for number, made in enumerate(found.sent, start=1)],
    }
    if ignored_fields:
        shape["ignoredFields"] = list(ignored_fields)
    return shape


def refused_report(vendor: str, engine: str, error: RequestError) -> dict[str, Any]:
    """Return what is told of files that an upload would be refused for; nothing was listened to.

    The file that is to blame, where it is one, stands among the samples with the error.
    """
    told = {"code": error.code, "message": error.message, "details": dict(error.details)}
    rejected = error.details.get("rejected_files", ())
    return {
        "vendor": vendor,
        "engine": engine,
        "verdict": "refuse",
        "reasons": [error.message],
        "samples": [{"filename": name, "verdict": "refuse", "error": told} for name in rejected],
        "sent": [],
        "error": told,
    }


def _sample(file: CheckedFile, heard: Mapping[str, Any]) -> dict[str, Any]:
    report = inspection_report(heard["inspection"])
    error = heard["error"]
    if error is not None:
        report["verdict"] = "refuse"
    return {
        "sampleId": file.id,
        "filename": file.filename,
        "format": file.container,
        "sizeBytes": file.size_bytes,
        "sha256": file.sha256,
        **report,
        "error": error,
    }


def _sent(number: int, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file that would be sent: all that the report tells of one that was, but for where it could be heard."""
    file = SentFile(
        clone_id="", number=number, object_key="", container=made["container"], rate_hz=made["rate_hz"],
        duration_s=made["duration_s"], size_bytes=made["size_bytes"], sha256=made["sha256"], preparation=dict(made),
    )  # fmt: skip
    return {name: value for name, value in sent_report(file).items() if name != "urls"}
