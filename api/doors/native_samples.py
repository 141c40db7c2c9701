"""The native door's samples: what was uploaded for a clone, to be listed, heard and drawn."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.doors import native_answers as answers
from api.doors.native import Reader, VoiceId
from api.doors.native_sent import AUDIO, sent_recording
from api.doors.native_shapes import EXAMPLES
from api.download import Download, Recording
from api.envelope import success
from shared import held, sent, views
from shared.documents import timestamp
from shared.errors import NotFound
from shared.formats import Container
from shared.held import HeldView
from shared.keys import Caller
from shared.sent import SentFile
from shared.services import Services
from shared.states import Status
from shared.views import SampleView

router = APIRouter(prefix="/api/v2", tags=["Samples"], responses=EXAMPLES)


class Version(StrEnum):
    """Which form of a recording."""

    ORIGINAL = "original"
    PREPARED = "prepared"


SampleId = Annotated[str, Path(description="The recording's id, `smp_…`")]
WhichVersion = Annotated[
    Version,
    Query(
        description="`original`: as it was uploaded; `prepared`: the file for the vendor that most of it is in, "
        "maybe among those of other recordings"
    ),
]


@router.get(
    "/voice-clones/{voice_id}/samples",
    response_model=answers.Answer[answers.Recordings],
    summary="A clone's recordings",
)
def list_samples(request: Request, caller: Reader, voice_id: VoiceId) -> JSONResponse:
    """Return the recordings in the order of their upload; what is measured is null until it has been."""
    with _services(request).database.read() as session:
        samples = views.samples(session, caller.account_id, voice_id)
        files = sent.files(session, caller.account_id, voice_id)
        at_vendor = held.listed(session, voice_id)
    return success(
        {
            "voiceId": voice_id,
            "samples": [_shape(voice_id, sample, files) for sample in samples],
            "vendorSamples": [_held_shape(sample) for sample in at_vendor],
        }
    )


@router.get(
    "/voice-clones/{voice_id}/samples/{sample_id}/audio",
    summary="A recording's sound",
    status_code=200,
    response_class=Download,
    responses=AUDIO,
)
def get_audio(
    request: Request, caller: Reader, voice_id: VoiceId, sample_id: SampleId, version: WhichVersion = Version.ORIGINAL
) -> Download:
    """Return the bytes, whole or the one range that `Range` asks for."""
    services = _services(request)
    with services.database.read() as session:
        sample = views.sample(session, caller.account_id, voice_id, sample_id)
        if version is Version.ORIGINAL:
            recording = _original(sample)
        else:
            recording = sent_recording(_prepared(session, caller, voice_id, sample))
    return Download(request, services.storage, recording)


@router.get(
    "/voice-clones/{voice_id}/samples/{sample_id}/peaks",
    response_model=answers.Answer[answers.Waveform],
    summary="A recording's waveform",
)
def get_peaks(
    request: Request, caller: Reader, voice_id: VoiceId, sample_id: SampleId, version: WhichVersion = Version.ORIGINAL
) -> JSONResponse:
    """Return the waveform to draw: equal stretches of time, of each the lowest and highest point in -127..127."""
    with _services(request).database.read() as session:
        sample = views.sample(session, caller.account_id, voice_id, sample_id)
        if version is Version.ORIGINAL:
            peaks = views.peaks(session, sample.id)
        else:
            peaks = sent.peaks(session, _prepared(session, caller, voice_id, sample))
        if peaks is None:
            raise _missing(session, caller, voice_id, sample, version)
    return success({"sampleId": sample.id, "version": version, "peaks": peaks})


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _original(sample: SampleView) -> Recording:
    media_type = Container(sample.container).media_type
    return Recording(sample.object_key, sample.filename, media_type, sample.size_bytes, sample.sha256)


def _prepared(session: Session, caller: Caller, voice_id: str, sample: SampleView) -> SentFile:
    """Return the file that most of a recording was sent in. Raises: NotFound: when nothing of it was."""
    found = sent.holding_most(sent.files(session, caller.account_id, voice_id), sample.id)
    if found is None:
        raise _missing(session, caller, voice_id, sample, Version.PREPARED)
    return found


def _missing(session: Session, caller: Caller, voice_id: str, sample: SampleView, version: Version) -> NotFound:
    """Say why there is no such sound or waveform, and whether there will be one."""
    if views.get(session, caller.account_id, voice_id).status is Status.FAILED:
        what = "prepared version" if version is Version.PREPARED else "waveform"
        return NotFound(
            f"The clone failed, and '{sample.filename}' has no {what}; there will be none. The clone's "
            "'error_message' says why it failed.",
            version=version,
        )
    if version is Version.PREPARED:
        return NotFound(
            f"Nothing of '{sample.filename}' was prepared: that is done in the stage 'prepare', and not with "
            "recordings that the vendor does not need. The clone's 'stage' says how far it is.",
            version=version,
        )
    return NotFound(
        f"'{sample.filename}' has no waveform yet: it is measured in the stage 'validate'. The clone's 'stage' says "
        "how far it is.",
        version=version,
    )


def _held_shape(sample: HeldView) -> dict[str, Any]:
    return {
        "sampleId": sample.id,
        "vendorSampleId": sample.vendor_sample_id,
        "filename": sample.filename,
        "durationSeconds": sample.duration_s,
        "sizeBytes": sample.size_bytes,
        "createdAt": timestamp(sample.created_at),
        "detail": sample.detail,
    }


def _shape(voice_id: str, sample: SampleView, files: Sequence[SentFile]) -> dict[str, Any]:
    measured = sample.inspection or {}
    here = f"/api/v2/voice-clones/{voice_id}/samples/{sample.id}"
    versions = tuple(Version) if sent.holding_most(files, sample.id) else (Version.ORIGINAL,)
    return {
        "sampleId": sample.id,
        "filename": sample.filename,
        "format": sample.container,
        "contentType": Container(sample.container).media_type,
        "sizeBytes": sample.size_bytes,
        "sha256": sample.sha256,
        "durationSeconds": measured.get("duration_s"),
        "rateHz": measured.get("rate_hz"),
        "channels": measured.get("channels"),
        "createdAt": timestamp(sample.created_at),
        "urls": {
            what: {version.value: f"{here}/{what}?version={version}" for version in versions}
            for what in ("audio", "peaks")
        },
    }
