"""What a webhook says: `{type, timestamp, data}`, where data is the clone as polling shows it, under 20 kB."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from shared.documents import timestamp
from shared.states import EventType

MOST_BYTES: Final = 20_000
ENDPOINT_DISABLED: Final = "webhook_endpoint.disabled"
TEST: Final = "test"
TYPES: Final = (*(kind.value for kind in EventType), ENDPOINT_DISABLED)  # what an endpoint may choose from
# What may be long and is at hand by polling, in the order in which it is left out.
LONG: Final = ("labels", "settings", "warnings", "notes", "description", "lastError", "error_message")


def message(kind: str, at: datetime, data: Mapping[str, Any]) -> str:
    """Return a message's body. Where it would be too long, fields are left out and named in `data.omitted`."""
    kept = dict(data)
    body = _body(kind, at, kept)
    for field in LONG:
        if len(body.encode()) < MOST_BYTES:
            break
        if kept.pop(field, None):
            kept["omitted"] = [*kept.get("omitted", ()), field]
            body = _body(kind, at, kept)
    return body


def _body(kind: str, at: datetime, data: Mapping[str, Any]) -> str:
    said = {"type": kind, "timestamp": timestamp(at), "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
