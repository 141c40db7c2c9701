"""Bland: three engines behind one call; one short recording makes a voice of the newer two, at once.

BTTS V3 is what a request gets that names none. BTTS V1 voices grow by samples, but no call that is documented today
creates one: it is adopted. Names are unique in the organisation, whatever the case, and serve as our marker: a voice
is created under the marker's name and gets its own when its id is safe with us. Bland cleans nothing that a request
could turn off. Errors come inside HTTP 200 too, so `errors` is looked at whatever the status.

Sources: docs.bland.ai (Clone Voice, Add Voice Sample, List Voice Samples), the npm client bland-tts 0.3.0; 2026-11-20.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Final
from urllib.parse import quote

from shared.errors import (
    UnknownOutcome,
    VendorNameTaken,
    VendorProtocol,
    VendorQuota,
    VendorRejected,
    VendorVoiceNotFound,
)
from shared.settings import Settings
from shared.vendors.answer import Answer, Complaint
from shared.vendors.engines import MB, READ_S, SPOKEN_RATE_HZ, Abilities, Engine, Limits, Range, scaled
from shared.vendors.protocol import (
    CloneOrder,
    FoundVoice,
    SampleFile,
    Submitted,
    Training,
    TrainingState,
    VendorSample,
    VoiceAtVendor,
    oldest_first,
)
from shared.vendors.reading import at, each, first_list, flag, moment, number, text
from shared.vendors.refusals import Meanings
from shared.vendors.wire import Wire

NAME: Final = "bland"

_CHECKED: Final = date(2026, 11, 20)
_NAME_CHARS: Final = Range(1, 30)  # unique in the organisation, whatever the case
_FILE_BYTES: Final = Range(None, 10 * MB)
_FILE_S: Final = Range(1, 60)  # stated for V1 samples, and on older pages for every engine

_ONE_SAMPLE: Final = Limits(
    files=Range(1, 1),
    file_bytes=_FILE_BYTES,
    file_s=_FILE_S,
    total_s=Range(),
    best_s=10.0,  # "roughly 10 seconds is ideal"
    containers=("wav",),  # recommended for V3, required for V2
    rate_hz=SPOKEN_RATE_HZ,
    name_chars=_NAME_CHARS,
    own_denoise=None,
    source="docs.bland.ai/api-v1/post/clone",
    checked=_CHECKED,
)

_SAMPLES: Final = Limits(
    files=Range(1, 5),
    file_bytes=_FILE_BYTES,
    file_s=_FILE_S,
    total_s=Range(),
    best_s=None,
    containers=("wav",),
    rate_hz=SPOKEN_RATE_HZ,
    name_chars=_NAME_CHARS,
    own_denoise=None,
    source="docs.bland.ai: Add Voice Sample",
    checked=_CHECKED,
)


def _engine(name: str, limits: Limits, abilities: Abilities) -> Engine:
    return Engine(
        name=name,
        limits=limits,
        abilities=abilities,
        call_timeout_s=120.0,  # not stated; 10 MB and a clone that is made while the caller waits
        listing_lag_s=30.0,  # not stated
        poll_every_s=5.0,  # the answer carries a finished voice, so one look is enough
        training_typical_s=15.0,
        training_deadline_s=600.0,
    )


_MARKER: Final = "unique name, changed to the clone's when the id is known"
_FIXED: Final = Abilities(marker=_MARKER, completes=True)
_GROWING: Final = Abilities(marker=_MARKER, creates=False, adds_samples=True, max_samples=5, deletes_samples=True)

ENGINES: Final[Mapping[str, Engine]] = {
    "btts_v3": _engine("btts_v3", _ONE_SAMPLE, _FIXED),
    "btts_v2": _engine("btts_v2", _ONE_SAMPLE, _FIXED),
    "btts_v1": _engine("btts_v1", _SAMPLES, _GROWING),
}
_SERVICES: Final = {"BTTS_V3": "btts_v3", "BTTS_V2": "btts_v2", "BTTS": "btts_v1"}
_FLAGS: Final = {"btts_v3": "isBTTS_V3", "btts_v2": "isBTTS_V2"}
_MEANINGS: Final[Meanings] = {
    (None, "Limit Exceeded"): VendorQuota,  # HTTP 400
    (404, "VOICE_NOT_FOUND"): VendorVoiceNotFound,
    # A no under HTTP 200 is a no, and nothing that is to be found out.
    **{(200, code): VendorRejected for code in ("Validation Error", "BAD_REQUEST", "INVALID_REQUEST")},
    **{(200, code): VendorRejected for code in ("VOICE_SAMPLES_ERROR", "VOICE_SAMPLE_ERROR")},
}


class Bland:
    """Bland, for one organisation's key."""

    name: ClassVar = NAME
    notice: ClassVar[str | None] = None
    calls_per_minute: ClassVar[float | None] = None  # not stated for clones

    def __init__(self, api_key: str, base_url: str, *, time_scale: float = 1.0) -> None:
        self.engines = scaled(ENGINES, time_scale)
        self._wire = Wire(NAME, base_url, {"authorization": api_key}, _complaint, _MEANINGS, (api_key,))

    def submit(self, engine: str, order: CloneOrder, files: Sequence[SampleFile], marker: str) -> Submitted:
        if engine not in _FLAGS:
            raise VendorRejected(
                "Bland documents no call that creates a BTTS V1 voice. Adopt one that exists, or choose btts_v3."
            )
        self._check_name(order.name)
        if not self._is_free(marker):
            # A taken marker is our own voice, of a call whose answer was lost; it only is not found yet.
            raise UnknownOutcome("Bland has a voice under this clone's marker already; it is being looked for.")
        form = [("name", marker), (_FLAGS[engine], "true")]
        form += [(field, value) for field in ("gender", "description") if (value := getattr(order, field))]
        answer = self._wire.ask(
            "POST",
            "/v1/voices/clone",
            deadline_s=self.engines[engine].call_timeout_s,
            creates=True,
            form=form,
            files=[("audio_samples", file) for file in files],
        ).json()
        voice_id = text(at(answer, "data", "voice_id")) or text(at(answer, "voice_id"))
        if voice_id is None:
            raise VendorProtocol("Bland's answer names no voice.")
        return Submitted(voice_id)

    def _is_free(self, name: str) -> bool:
        path = "/v1/voices/check_name_availability"
        answer = self._wire.ask("POST", path, deadline_s=READ_S, body={"name": name}).json()
        said = [flag(at(answer, "available")), flag(at(answer, "data", "available"))]
        return False not in said  # where it says neither, the clone call itself will

    def _check_name(self, name: str) -> None:
        """Ask before anything is created whether the voice can have its name in the end. Raises: VendorNameTaken."""
        if not self._is_free(name):
            raise VendorNameTaken(
                f"Bland has a voice named '{name}' in this organisation (names are compared without case); choose "
                "another name, or delete that voice there.",
                name=name,
            )

    def complete(
        self, engine: str, order: CloneOrder, files: Sequence[SampleFile], voice_id: str, marker: str
    ) -> tuple[str, ...]:
        if at(self._voice(voice_id), "name") == order.name:
            return ()
        try:
            self._wire.ask("PATCH", f"{_path(voice_id)}/rename", deadline_s=READ_S, body={"name": order.name})
        except VendorRejected as error:  # somebody took the name since it was looked at: no reason to lose the voice
            said = error.details.get("vendor_words") or "it gave no reason"
            return (f"At Bland the voice is called '{marker}', because it could not be renamed: {said}",)
        return ()

    def find(self, engine: str, marker: str) -> tuple[FoundVoice, ...]:
        answer = self._wire.ask("GET", "/v1/voices", deadline_s=READ_S).json()
        data = at(answer, "data")
        listed = first_list(answer, at(answer, "voices"), data, at(data, "voices"))
        if listed is None:
            raise VendorProtocol("Bland's list of voices is no list.")
        found = [
            FoundVoice(voice_id, moment(at(voice, "created_at")))
            for voice in each(listed)
            if (text(at(voice, "name")) or "").casefold() == marker.casefold() and (voice_id := _id_of(voice))
        ]
        return oldest_first(found) or self._find_by_name(marker)

    def _find_by_name(self, marker: str) -> tuple[FoundVoice, ...]:
        """Look a voice up by its name: it may be known by it before the list shows it."""
        try:
            voice = self._voice(marker)
        except VendorVoiceNotFound:
            return ()
        is_ours = (text(at(voice, "name")) or "").casefold() == marker.casefold()
        return (FoundVoice(str(_id_of(voice)), moment(at(voice, "created_at"))),) if is_ours else ()

    def poll(self, engine: str, voice_id: str) -> Training:
        try:
            self._voice(voice_id)
        except VendorVoiceNotFound:
            return Training(TrainingState.FAILED, reason="the voice is not there any more")
        return Training(TrainingState.READY, 1.0)

    def discard(self, engine: str, voice_id: str) -> None:
        try:
            self._wire.ask("DELETE", _path(voice_id), deadline_s=READ_S)
        except VendorRejected:
            # How a second deletion is answered is not documented; what counts is that the voice is gone.
            try:
                self._voice(voice_id)
            except VendorVoiceNotFound:
                return
            raise

    def look_up(self, voice_id: str) -> VoiceAtVendor:
        voice = self._voice(voice_id)
        engine = _SERVICES.get(text(at(voice, "service")) or "", "")
        if not engine or (flag(at(voice, "public")) and not flag(at(voice, "is_custom"))):
            raise VendorVoiceNotFound(f"'{voice_id[:60]}' is no voice clone of this Bland organisation.")
        samples = self.samples(engine, voice_id) if self.engines[engine].abilities.adds_samples else None
        name, description = text(at(voice, "name")) or voice_id, text(at(voice, "description"))
        return VoiceAtVendor(_id_of(voice) or voice_id, name, engine, description, samples)

    def check_access(self) -> str:
        answer = self._wire.ask("GET", "/v1/models", deadline_s=READ_S).json()
        models = each(first_list(answer, at(answer, "models"), at(answer, "data"), at(answer, "data", "models")))
        names = [name for model in models if (name := text(at(model, "name")) or text(at(model, "id")))]
        return f"the key works; models: {', '.join(names)}" if names else "the key works"

    def samples(self, engine: str, voice_id: str) -> tuple[VendorSample, ...]:
        answer = self._wire.ask("GET", f"{_path(voice_id)}/samples", deadline_s=READ_S).json()
        return tuple(
            VendorSample(
                sample_id=sample_id,
                duration_s=number(at(sample, "duration_seconds")),
                created_at=moment(at(sample, "created_at")),
                detail=sample,
            )
            for sample in each(first_list(answer, at(answer, "samples"), at(answer, "data", "samples")))
            if (sample_id := text(at(sample, "id")))
        )

    def add(self, engine: str, voice_id: str, files: Sequence[SampleFile]) -> None:
        self._wire.ask(
            "POST",
            "/v1/voices/samples",
            deadline_s=self.engines[engine].call_timeout_s,
            creates=True,
            form=[("voice_id", voice_id)],
            files=[("audio_samples", file) for file in files],
        )

    def remove(self, engine: str, voice_id: str, sample_id: str) -> None:
        try:
            body = {"sample_ids": [sample_id]}
            self._wire.ask("DELETE", f"{_path(voice_id)}/samples", deadline_s=READ_S, body=body)
        except VendorRejected:
            if all(sample.sample_id != sample_id for sample in self.samples(engine, voice_id)):
                return
            raise

    def _voice(self, voice_id: str) -> Mapping[str, Any]:
        """Return a voice by its id. Raises: VendorVoiceNotFound."""
        try:
            answer = self._wire.ask("GET", _path(voice_id), deadline_s=READ_S).json()
        except VendorRejected as error:
            if error.details.get("vendor_status") in (400, 404):
                raise VendorVoiceNotFound(f"Bland has no voice '{voice_id[:60]}' for this key.") from error
            raise
        for voice in (at(answer, "voice"), at(answer, "data"), answer):
            if isinstance(voice, Mapping) and _id_of(voice):
                return voice
        raise VendorVoiceNotFound(f"Bland has no voice '{voice_id[:60]}' for this key.")


def open_bland(settings: Settings) -> Bland | None:
    """Return Bland if its key is set."""
    key = settings.bland_api_key
    if key is None:
        return None
    return Bland(key.get_secret_value(), settings.bland_base_url, time_scale=settings.vendor_time_scale)


def _complaint(answer: Answer) -> Complaint | None:
    body = answer.json()
    first = next(each(at(body, "errors")), None)
    if first is not None:
        return Complaint(text(at(first, "error")), text(at(first, "message")))
    if answer.is_good:
        return None
    return Complaint(text(at(body, "error")), text(at(body, "message")))


def _id_of(voice: Mapping[str, Any]) -> str | None:
    """Return a voice's id; `voice_id` of a listed voice is another one, of the maker behind it."""
    return text(at(voice, "id")) or text(at(voice, "voice_id"))


def _path(voice_id: str) -> str:
    return f"/v1/voices/{quote(voice_id, safe='')}"
