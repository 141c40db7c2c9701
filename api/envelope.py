"""The native door's envelopes: Buena's shapes for success and for errors, with our request id beside them."""

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.intake.draining import DrainingResponse
from shared.documents import timestamp
from shared.errors import (
    ContentEncodingUnsupported,
    MethodNotAllowed,
    RangeNotSatisfiable,
    ServiceError,
    Unauthorized,
)

VERSION: Final = "2.0"
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_RETRY_AFTER_S: Final = 2


def success(data: Mapping[str, Any], message: str | None = None, *, status: int = 200) -> JSONResponse:
    """Return `{success, data, message?}`."""
    body: dict[str, Any] = {"success": True, "data": data}
    if message is not None:
        body["message"] = message
    return JSONResponse(body, status)


def refusal(request: Request, error: ServiceError) -> Response:
    """Return `{error, code, message, version, timestamp, requestId, details}`.

    A request that may still be sending its body is answered first and then drained, so that a client that writes
    before it reads sees the answer and not a reset.
    """
    body = refusal_body(error, request.scope.get("request_id"))
    headers = _headers(error)
    if request.method in _BODY_METHODS:
        return DrainingResponse(body, status=error.status, headers=headers)
    return Response(body, error.status, {**headers, "content-type": "application/json"})


def refusal_body(error: ServiceError, request_id: str | None) -> bytes:
    """Return the envelope of an error alone; whatever a client wrote into it, it can be told."""
    return json.dumps(
        {
            "error": True,
            "code": error.code,
            "message": error.message,
            "version": VERSION,
            "timestamp": timestamp(),
            "requestId": request_id,
            "details": dict(error.details),
        },
        ensure_ascii=False,
    ).encode("utf-8", "replace")


def _headers(error: ServiceError) -> dict[str, str]:
    if isinstance(error, Unauthorized):
        return {"www-authenticate": 'Bearer realm="clonepipe"'}
    if isinstance(error, MethodNotAllowed):
        return {"allow": ", ".join(error.details.get("allowed", ()))}
    if isinstance(error, ContentEncodingUnsupported):
        return {"accept-encoding": "identity"}
    if isinstance(error, RangeNotSatisfiable):
        return {"content-range": f"bytes */{error.details['size_bytes']}"}
    if "retry_after_s" in error.details:
        return {"retry-after": str(max(1, round(error.details["retry_after_s"])))}
    return {"retry-after": str(_RETRY_AFTER_S)} if error.status == 503 else {}
