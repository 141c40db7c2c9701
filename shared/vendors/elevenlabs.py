"""ElevenLabs: instant clones of a minute or two, made at once, and professional ones of half an hour up, trained.

Neither page states how many files a request may carry or how large one may be; integrators speak of 10 MB a file,
under which two minutes of FLAC stay. Names are not unique; our marker is a label, which the search covers. An instant
clone may still be unusable: where it sounds like a protected voice of the library, a person must verify it, and for
that there is no call. What only professional clones do is in `elevenlabs_pvc.py`.

Sources: elevenlabs.io/docs (Voices: IVC, PVC, errors), the vendor's OpenAPI of 2026-08, its Python client 2.78.0;
2026-11-20.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Final

from shared.errors import VendorRejected, VendorVoiceNotFound
from shared.settings import Settings
from shared.vendors import elevenlabs_account
from shared.vendors.elevenlabs_account import (
    Account,
    distinct,
    labels_of,
    new_id,
    noise_removal,
    pvc_path,
    samples_of,
    voice_path,
)
from shared.vendors.elevenlabs_pvc import Professional, is_trained
from shared.vendors.engines import SPOKEN_RATE_HZ, Abilities, Engine, Limits, Range, SentContainer, scaled
from shared.vendors.protocol import (
    CloneOrder,
    FoundVoice,
    SampleFile,
    Submitted,
    Training,
    TrainingState,
    VendorSample,
    Verification,
    VoiceAtVendor,
)
from shared.vendors.reading import at, flag, text

NAME: Final = elevenlabs_account.NAME

_CHECKED: Final = date(2026, 11, 20)
_CONTAINERS: Final[tuple[SentContainer, ...]] = ("flac", "wav")  # any common audio; half an hour of WAV is 170 MB
# "If the samples do not include background noise, it can make the quality worse"; off unless sent.
_OWN_DENOISE: Final = "remove_background_noise"

_INSTANT: Final = Engine(
    name="ivc",
    limits=Limits(
        files=Range(1, None),
        file_bytes=Range(),
        file_s=Range(),
        total_s=Range(),
        best_s=120.0,  # 1-2 minutes advised; more than 3 can do harm
        containers=_CONTAINERS,
        rate_hz=SPOKEN_RATE_HZ,
        name_chars=Range(1, None),
        own_denoise=_OWN_DENOISE,
        source="elevenlabs.io/docs: Instant Voice Cloning; POST /v1/voices/add",
        checked=_CHECKED,
    ),
    abilities=Abilities(marker="label `clonepipe`", adds_samples=True, deletes_samples=True),
    call_timeout_s=240.0,  # as the vendor's own client waits
    listing_lag_s=60.0,  # whether a new voice is listed at once is not stated
    poll_every_s=5.0,  # the answer carries a finished voice, so one look is enough
    training_typical_s=15.0,
    training_deadline_s=3600.0,
)

_PROFESSIONAL: Final = Engine(
    name="pvc",
    limits=Limits(
        files=Range(1, None),
        file_bytes=Range(),
        file_s=Range(None, 1800),  # advised: files of about 30 minutes
        total_s=Range(1800, None),
        best_s=None,  # 2-3 hours advised
        containers=_CONTAINERS,
        rate_hz=SPOKEN_RATE_HZ,
        name_chars=Range(1, 100),
        own_denoise=_OWN_DENOISE,
        source="elevenlabs.io/docs: Professional Voice Cloning; POST /v1/voices/pvc",
        checked=_CHECKED,
    ),
    abilities=Abilities(
        marker="label `clonepipe`",
        completes=True,
        adds_samples=True,
        adds_again=True,
        deletes_samples=True,
        progress="percent",
        needs_person=True,
        needs_language=True,
    ),
    call_timeout_s=600.0,  # a file of half an hour over a slow line
    listing_lag_s=60.0,  # whether a new voice is listed at once is not stated
    poll_every_s=60.0,  # of hours
    training_typical_s=3 * 3600.0,  # English; 6 hours for a multilingual model, and a queue before either
    training_deadline_s=72 * 3600.0,  # a captcha read aloud by a person, a day's wait if that fails, then the queue
)

ENGINES: Final[Mapping[str, Engine]] = {"ivc": _INSTANT, "pvc": _PROFESSIONAL}
_CATEGORIES: Final = {"cloned": "ivc", "professional": "pvc"}
_VERIFY_THERE: Final = (
    "ElevenLabs wants proof of whose voice this is before it lets it speak, and offers no call for it: open the voice "
    "at elevenlabs.io and verify it there."
)


class ElevenLabs:
    """ElevenLabs, for one account's key. `professional` does what only those clones can."""

    name: ClassVar = NAME
    notice: ClassVar[str | None] = None
    calls_per_minute: ClassVar[float | None] = None  # not stated

    def __init__(self, api_key: str, base_url: str, *, time_scale: float = 1.0) -> None:
        self.engines = scaled(ENGINES, time_scale)
        self._account = Account(api_key, base_url, time_scale=time_scale)
        self.professional = Professional(self._account, upload_s=self.engines["pvc"].call_timeout_s)

    def submit(self, engine: str, order: CloneOrder, files: Sequence[SampleFile], marker: str) -> Submitted:
        if engine == "pvc":
            return self.professional.create(order, marker)
        self._account.check_room(engine)
        sent = distinct(files)
        wanted = order.voice_settings.get(_OWN_DENOISE) is True
        form = [
            ("name", order.name),
            ("labels", json.dumps(labels_of(order, marker))),
            (_OWN_DENOISE, noise_removal(sent, wanted=wanted)),
        ]
        if order.description:
            form.append(("description", order.description))
        answer = self._account.wire.ask(
            "POST",
            "/v1/voices/add",
            deadline_s=self.engines[engine].call_timeout_s,
            creates=True,
            form=form,
            files=[("files", file) for file in sent],
        ).json()
        return Submitted(new_id(answer), _notes(answer))

    def complete(
        self, engine: str, order: CloneOrder, files: Sequence[SampleFile], voice_id: str, marker: str
    ) -> tuple[str, ...]:
        if engine == "pvc":
            wanted = order.voice_settings.get(_OWN_DENOISE) is True
            self.professional.upload_missing(voice_id, files, own_denoise=wanted)
        return ()

    def find(self, engine: str, marker: str) -> tuple[FoundVoice, ...]:
        return self._account.find(marker)

    def poll(self, engine: str, voice_id: str) -> Training:
        try:
            voice = self._account.voice(voice_id)
        except VendorVoiceNotFound:
            return Training(TrainingState.FAILED, reason="the voice is not there any more")
        if engine == "pvc":
            return self.professional.training(voice)
        if _waits_for_proof(voice):
            return Training(TrainingState.ACTION_REQUIRED, reason=_VERIFY_THERE)
        return Training(TrainingState.READY, 1.0)

    def discard(self, engine: str, voice_id: str) -> None:
        self._account.delete(voice_id)

    def look_up(self, voice_id: str) -> VoiceAtVendor:
        voice = self._account.voice(voice_id)
        engine = _CATEGORIES.get(text(at(voice, "category")) or "")
        if engine is None or flag(at(voice, "is_owner")) is False:
            raise VendorVoiceNotFound(f"'{voice_id[:60]}' is no voice clone of this ElevenLabs account.")
        if engine == "pvc" and not is_trained(voice):
            raise VendorRejected(
                f"The professional voice '{voice_id[:60]}' was not trained yet; adopt it when ElevenLabs has done so."
            )
        name, description = text(at(voice, "name")) or voice_id, text(at(voice, "description"))
        to_do = _VERIFY_THERE if engine == "ivc" and _waits_for_proof(voice) else None
        return VoiceAtVendor(voice_id, name, engine, description, samples_of(voice), to_do)

    def check_access(self) -> str:
        return self._account.summary()

    def samples(self, engine: str, voice_id: str) -> tuple[VendorSample, ...]:
        return samples_of(self._account.voice(voice_id))

    def add(self, engine: str, voice_id: str, files: Sequence[SampleFile]) -> None:
        if engine == "pvc":
            self.professional.add(voice_id, files)
            return
        voice = self._account.voice(voice_id)
        sent = distinct(files)
        # An edit wants the name whatever it changes; what else it would not be told might be taken away.
        form = [("name", text(at(voice, "name")) or voice_id), (_OWN_DENOISE, noise_removal(sent))]
        form += [("labels", json.dumps(at(voice, "labels")))] if at(voice, "labels") else []
        form += [("description", said)] if (said := text(at(voice, "description"))) else []
        self._account.wire.ask(
            "POST",
            f"{voice_path(voice_id)}/edit",
            deadline_s=self.engines[engine].call_timeout_s,
            creates=True,
            form=form,
            files=[("files", file) for file in sent],
        )

    def remove(self, engine: str, voice_id: str, sample_id: str) -> None:
        self._account.remove_sample(
            voice_path(voice_id) if engine == "ivc" else pvc_path(voice_id), voice_id, sample_id
        )

    def verification(self, voice_id: str) -> Verification:
        voice = self._account.voice(voice_id)
        if text(at(voice, "category")) != "cloned":
            return self.professional.verification(voice)
        said = at(voice, "voice_verification", "verification_failures")
        failures = tuple(word for word in said if isinstance(word, str)) if isinstance(said, list) else ()
        waits = _waits_for_proof(voice)
        return Verification(done=not waits, failures=failures, advice=_VERIFY_THERE if waits else None)

    def verify(self, voice_id: str, recording: SampleFile) -> None:
        self._refuse_instant(voice_id)
        self.professional.verify(voice_id, recording)

    def request_manual(self, voice_id: str, files: Sequence[SampleFile], extra_text: str | None) -> None:
        self._refuse_instant(voice_id)
        self.professional.request_manual(voice_id, files, extra_text)

    def _refuse_instant(self, voice_id: str) -> None:
        if text(at(self._account.voice(voice_id), "category")) == "cloned":
            raise VendorRejected(_VERIFY_THERE)


def open_elevenlabs(settings: Settings) -> ElevenLabs | None:
    """Return ElevenLabs if its key is set."""
    key = settings.elevenlabs_api_key
    if key is None:
        return None
    return ElevenLabs(key.get_secret_value(), settings.elevenlabs_base_url, time_scale=settings.vendor_time_scale)


def _waits_for_proof(voice: Mapping[str, Any]) -> bool:
    said = at(voice, "voice_verification")
    return flag(at(said, "requires_verification")) is True and flag(at(said, "is_verified")) is not True


def _notes(answer: Any) -> tuple[str, ...]:
    """Return what the clone's owner should know of a voice that was taken."""
    notes = [_VERIFY_THERE] if flag(at(answer, "requires_verification")) else []
    match = at(answer, "library_voice_match")
    if isinstance(match, Mapping):
        library_id = text(at(match, "library_voice_id")) or "not named"
        notes.append(f"ElevenLabs finds that this sounds like a voice of its library ({library_id}).")
    return tuple(notes)
