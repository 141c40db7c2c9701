"""The native door's verification: what a person must do to prove whose voice it is, and handing it in."""

import base64
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.doors import native_answers as answers
from api.doors.native import Creator, Reader, VoiceId
from api.doors.native_answers import Camel, Timestamp
from api.doors.native_shapes import EXAMPLES, clone_shape
from api.envelope import success
from api.intake.proofs import EXTRA_TEXT_CHARS, MAX_DOCUMENTS, MAX_FILE_BYTES, ProofForm, Proofs
from api.verification import hand_in, look
from shared.documents import timestamp
from shared.errors import NotFound
from shared.services import Services
from shared.settings import MIB
from shared.vendors.protocol import Verifiable, Verification

router = APIRouter(prefix="/api/v2", tags=["Verification"], responses=EXAMPLES)

_DONE: Final = "Nothing is left to do; the training goes on by itself."
_RECORDING: Final = ProofForm("recording", 1, sound=True)
_DOCUMENTS: Final = ProofForm("files", MAX_DOCUMENTS, text_field="extra_text")
_FILE: Final = {"type": "string", "format": "binary"}
_MB: Final = MAX_FILE_BYTES // MIB


def _body(required: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": [required], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


RECORDING_BODY: Final = _body(
    "recording", {"recording": {**_FILE, "description": f"The captcha's words, read aloud by the person; {_MB} MB"}}
)
DOCUMENTS_BODY: Final = _body(
    "files",
    {
        "files": {
            "type": "array", "minItems": 1, "maxItems": MAX_DOCUMENTS, "items": _FILE,
            "description": f"Documents that prove whose voice it is, of at most {_MB} MB each",
        },
        "extra_text": {
            "type": "string", "maxLength": EXTRA_TEXT_CHARS, "description": "What the person who looks should know",
        },
    },
)  # fmt: skip


class ToVerify(Camel):
    """What a person is to do; `captcha` is a picture as a `data:` address, and another at each look."""

    voice_id: str
    required: bool
    instructions: str
    captcha: Annotated[str | None, Field(description="Show it to the person; null: there is none to be read")]
    captcha_url: Annotated[str | None, Field(description="Where a fresh captcha is served as a picture")]
    attempts_left: int | None
    resets_at: Annotated[Timestamp | None, Field(description="When the vendor listens to more attempts")]
    failures: Annotated[list[str], Field(description="Why earlier attempts were not accepted, in the vendor's words")]
    manual_requested: Annotated[bool, Field(description="A person at the vendor was asked to look")]


@router.get(
    "/voice-clones/{voice_id}/verification",
    response_model=answers.Answer[ToVerify],
    summary="What must be done to prove whose voice it is",
)
def get_verification(request: Request, caller: Reader, voice_id: VoiceId) -> JSONResponse:
    """Ask the vendor what is to be done for a clone that waits for its person (`waitingFor` is `verification`)."""
    return success(_shape(voice_id, look(_services(request), caller, voice_id)))


@router.get(
    "/voice-clones/{voice_id}/verification/captcha",
    summary="The captcha to be read aloud, as a picture",
    response_class=Response,
    status_code=200,
    responses={200: {"content": {"image/*": {"schema": _FILE}}, "description": "The picture"}},
)
def get_captcha(request: Request, caller: Reader, voice_id: VoiceId) -> Response:
    """Ask the vendor for a captcha; the one that was asked for last is the one to be read."""
    found = look(_services(request), caller, voice_id)
    if found.captcha is None:
        raise NotFound(f"There is no captcha to be read. {found.advice or _DONE}")
    content_type, picture = found.captcha
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(picture, media_type=content_type, headers=headers)


@router.post(
    "/voice-clones/{voice_id}/verification",
    response_model=answers.Told[answers.Clone],
    openapi_extra=RECORDING_BODY,
    summary="Hand in the captcha, read aloud",
)
async def verify(request: Request, caller: Creator, voice_id: VoiceId) -> JSONResponse:
    """Hand the recording to the vendor, which accepts it or not (422 `VERIFICATION_REJECTED`). It is not kept here."""

    def give(vendor: Verifiable, vendor_voice_id: str, proofs: Proofs) -> None:
        vendor.verify(vendor_voice_id, proofs.files[0])

    view = await hand_in(request, caller, voice_id, _RECORDING, give)
    return success(clone_shape(view, _services(request).vendors), "Accepted; the training goes on by itself")


@router.post(
    "/voice-clones/{voice_id}/verification/manual",
    response_model=answers.Told[answers.Clone],
    openapi_extra=DOCUMENTS_BODY,
    summary="Have a person at the vendor look",
)
async def verify_manually(request: Request, caller: Creator, voice_id: VoiceId) -> JSONResponse:
    """Hand documents to the vendor, where a person looks at them; the clone waits for the answer. They are not kept."""

    def give(vendor: Verifiable, vendor_voice_id: str, proofs: Proofs) -> None:
        vendor.request_manual(vendor_voice_id, proofs.files, proofs.text)

    view = await hand_in(request, caller, voice_id, _DOCUMENTS, give)
    return success(clone_shape(view, _services(request).vendors), "Handed in; the vendor's answer is waited for")


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _shape(voice_id: str, found: Verification) -> dict[str, Any]:
    captcha, url = None, None
    if found.captcha is not None:
        content_type, picture = found.captcha
        captcha = f"data:{content_type};base64,{base64.b64encode(picture).decode()}"
        url = f"/api/v2/voice-clones/{voice_id}/verification/captcha"
    return {
        "voiceId": voice_id,
        "required": not found.done,
        "instructions": found.advice or _DONE,
        "captcha": captcha,
        "captchaUrl": url,
        "attemptsLeft": found.attempts_left,
        "resetsAt": None if found.resets_at is None else timestamp(found.resets_at),
        "failures": list(found.failures),
        "manualRequested": found.manual_requested,
    }
