"""How the native door writes clones, events and vendors: Buena's names as printed, ours beside them in camelCase."""

from typing import Any, Final

from api.fields import DESCRIPTION_CHARS, GENDERS, JSON_CHARS, NAME_CHARS, URL_CHARS
from shared.documents import clone_document, timestamp
from shared.events import EventLine
from shared.states import Denoise, Trim
from shared.vendors import Vendors, notice_of
from shared.vendors.engines import Engine, Range
from shared.vendors.protocol import Vendor
from shared.views import ClonePage, CloneView


def clone_shape(view: CloneView, vendors: Vendors) -> dict[str, Any]:
    """Return one clone."""
    return clone_document(view, notice_of(view.vendor))


def page_shape(page: ClonePage, newest: ClonePage, vendors: Vendors) -> dict[str, Any]:
    """Return a page; the newest clone's status stands beside the list, where Buena's printed snippet reads it."""
    shape: dict[str, Any] = {
        "voiceClones": [clone_shape(view, vendors) for view in page.clones],
        "total": page.total,
    }
    if newest.clones:
        first = newest.clones[0]
        shape["status"] = first.status
        shape["training_progress"] = first.progress
        shape["error_message"] = first.error_message
    return shape


def event_shape(line: EventLine) -> dict[str, Any]:
    """Return one line of a clone's history."""
    return {
        "seq": line.seq,
        "type": line.type,
        "timestamp": timestamp(line.at),
        "jobId": line.job_id,
        "data": line.data,
    }


def vendor_shape(vendor: Vendor) -> dict[str, Any]:
    """Return a vendor with what its engines take and can do."""
    return {
        "vendor": vendor.name,
        "notice": vendor.notice,
        "engines": [_engine_shape(engine) for engine in vendor.engines.values()],
    }


def _engine_shape(engine: Engine) -> dict[str, Any]:
    limits, abilities = engine.limits, engine.abilities
    return {
        "engine": engine.name,
        "files": _range(limits.files),
        "fileBytes": _range(limits.file_bytes),
        "fileSeconds": _range(limits.file_s),
        "totalSeconds": _range(limits.total_s),
        "bestSeconds": limits.best_s,
        "nameChars": _range(limits.name_chars),
        "containers": list(limits.containers),
        "createsVoices": abilities.creates,
        "addsSamples": abilities.adds_samples,
        "maxSamples": abilities.max_samples,
        "deletesSamples": abilities.deletes_samples,
        "deletesVoices": abilities.deletes_voice,
        "needsPerson": abilities.needs_person,
        "needsLanguage": abilities.needs_language,
        "progress": abilities.progress,
        "marker": abilities.marker,
        "source": limits.source,
        "checked": limits.checked.isoformat(),
    }


def _range(limits: Range) -> dict[str, float | None]:
    return {"min": limits.least, "max": limits.most}


_JSON_FIELD: Final = {"type": "string", "format": "json", "maxLength": JSON_CHARS}

# The form is parsed as a stream, so the framework cannot derive this; a test holds it against the parser's fields.
CREATE_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["name", "files"],
                "properties": {
                    "name": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": NAME_CHARS,
                        "description": "What the clone shall be called; an engine may take less: GET /api/v2/vendors",
                    },
                    "files": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "format": "binary"},
                        "description": "Recordings of the voice, repeated",
                    },
                    "description": {
                        "type": "string",
                        "maxLength": DESCRIPTION_CHARS,
                        "description": "What it is for",
                    },
                    "vendor": {"type": "string", "description": "Who trains the voice; see GET /api/v2/vendors"},
                    "engine": {"type": "string", "description": "Which of the vendor's products"},
                    "language": {
                        "type": "string",
                        "description": "Language tag such as en or pt-BR; some engines need it",
                    },
                    "gender": {"type": "string", "enum": list(GENDERS), "description": "Of the voice"},
                    "denoise": {
                        "type": "string",
                        "enum": [word.value for word in Denoise],
                        "default": "auto",
                        "description": "Take out noise: where there is some, always, or never",
                    },
                    "trim": {
                        "type": "string",
                        "enum": [word.value for word in Trim],
                        "default": "auto",
                        "description": "Cut silence off both ends",
                    },
                    "labels": {**_JSON_FIELD, "description": "A JSON object of your own; returned, not interpreted"},
                    "settings": {**_JSON_FIELD, "description": "Voice settings: stability, clarity, use_speaker_boost"},
                    "callback_url": {
                        "type": "string",
                        "format": "uri",
                        "maxLength": URL_CHARS,
                        "description": "Where to tell of changes",
                    },
                },
            }
        }
    },
}

# A change's body is read by `api.change`, within bounds that the framework does not have.
CHANGE_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "description": "What is left out, or null, stays as it is; at least one must have a value",
                "minProperties": 1,
                "properties": {
                    "name": {
                        "type": "string",
                        "nullable": True,
                        "minLength": 1,
                        "maxLength": NAME_CHARS,
                        "description": "What it is called; an engine may take less: GET /api/v2/vendors",
                    },
                    "description": {
                        "type": "string",
                        "nullable": True,
                        "maxLength": DESCRIPTION_CHARS,
                        "description": "What it is for",
                    },
                    "isActive": {"type": "boolean", "nullable": True, "description": "Whether it may be used"},
                },
            }
        }
    },
}

_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error", "code", "message", "version", "timestamp", "details"],
    "properties": {
        "error": {"type": "boolean", "enum": [True]},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "version": {"type": "string"},
        "timestamp": {"type": "string", "format": "date-time"},
        "requestId": {"type": "string"},
        "details": {"type": "object"},
    },
}

EXAMPLES: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"description": "The request was refused", "content": {"application/json": {"schema": _ERROR}}},
    "5XX": {"description": "The service could not answer", "content": {"application/json": {"schema": _ERROR}}},
}
