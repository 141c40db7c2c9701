"""A clone as the world is shown it, the same in an answer to a poll, on a stream and in a webhook."""

from datetime import UTC, datetime
from typing import Any

from shared.views import CloneView


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment, or now, as RFC 3339 in UTC with milliseconds, the way Buena's page prints it."""
    return (moment or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clone_document(view: CloneView, notice: str | None) -> dict[str, Any]:
    """Return one clone; `notice` is what to know of its vendor."""
    document: dict[str, Any] = {
        "voiceId": view.id,
        "name": view.name,
        "description": view.description,
        "isActive": view.is_active,
        "sampleCount": view.sample_count,
        "createdAt": timestamp(view.created_at),
        "updatedAt": timestamp(view.updated_at),
        "labels": view.labels,
        "settings": view.voice_settings,
        "status": view.status,
        "training_progress": view.progress,
        "error_message": view.error_message,
        "errorCode": view.error_code,
        "warnings": [
            {"filename": found["filename"], "sampleId": found["sample_id"], "warning": found["warning"]}
            for found in view.warnings
        ],
        "stage": view.stage,
        "waitingFor": view.waiting_for,
        "etaSeconds": None if view.eta_s is None else round(view.eta_s, 1),
        "etaRange": None
        if view.eta_range_s is None
        else dict(zip(("low", "high"), (round(bound_s, 1) for bound_s in view.eta_range_s), strict=True)),
        "isTerminal": view.is_terminal,
        "isCancelable": view.is_cancelable,
        "isRetryable": view.is_retryable,
        "seq": view.seq,
        "vendor": view.vendor,
        "engine": view.engine,
        "vendorVoiceId": view.vendor_voice_id,
        "fallbackVendors": list(view.fallbacks),
        "adopted": view.adopted,
        "notes": list(view.notes),
        "language": view.language,
        "gender": view.gender,
        "denoise": view.denoise,
        "trim": view.trim,
        "callbackUrl": view.callback_url,
        "job": {
            "id": view.job_id,
            "kind": view.job_kind,
            "outcome": view.job_outcome,
            "progress": view.job_progress,
        },
        "lastError": None if view.last_error is None else dict(zip(("code", "message"), view.last_error, strict=True)),
    }
    if notice:
        document["notice"] = notice
    return document
