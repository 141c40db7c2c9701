"""The native door's check: what recordings are worth to an engine, before anything is created or paid."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.doors.check_report import check_report
from api.doors.native import Creator
from api.doors.native_answers import Answer
from api.doors.native_check_answers import Check
from api.doors.native_shapes import CREATE_BODY, EXAMPLES
from api.envelope import success
from api.intake.checking import check_recordings
from api.order import CHECK_FIELDS

router = APIRouter(prefix="/api/v2", tags=["Voice clones"], responses=EXAMPLES)

_FORM: Final[dict[str, Any]] = CREATE_BODY["content"]["multipart/form-data"]["schema"]["properties"]
_ANY_ENGINE: Final = {
    "vendor": "Whose engine: any of the README's table, configured here or not; left out: as for a new clone",
    "engine": "Which of the vendor's products; left out: its first",
}

# A creation's form without what is only kept: the same words mean the same.
CHECK_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "properties": {
                    name: {**_FORM[name], **({"description": _ANY_ENGINE[name]} if name in _ANY_ENGINE else {})}
                    for name in ("files", *CHECK_FIELDS)
                },
            }
        }
    },
}


# No path of a clone takes a POST, so this one is found whatever the order of the doors.
@router.post(
    "/voice-clones/check",
    response_model=Answer[Check],
    openapi_extra={"requestBody": CHECK_BODY},
    summary="Check recordings before creating",
)
async def check(request: Request, caller: Creator) -> JSONResponse:
    """Report on recordings as on a clone's, and say what an engine would get of them. Nothing is created or kept.

    A creation's form is taken as it is, with the same limits and refusals; fields that mean nothing here are ignored.
    It takes the permission to create and none of the account's clones. When too many checks are under way it is 429
    with `Retry-After`.
    """
    return success(await check_recordings(request, caller, check_report))
