"""The professional clones of the fake ElevenLabs: a draft, its recordings, a captcha, and a training that takes looks.

The captcha comes in one of three forms (`captcha_as`), because nothing documents which.
"""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.fakes.call import Call, Reply

if TYPE_CHECKING:
    from tests.fakes.elevenlabs import FakeElevenLabs, Voice

MODEL = "eleven_multilingual_v2"
CAPTCHA = b"\x89PNG\r\n\x1a\n" + bytes(40)
SPEAKER_SOUND = b"\xff\xfbspeaker"
_MOST_ATTEMPTS = 5
_NAME_CHARS, _DESCRIPTION_CHARS = 100, 500


@dataclass
class Tuning:
    """Where a professional voice's proof and training are."""

    language: str
    looks_needed: int = 2
    states: dict[str, str] = field(default_factory=lambda: {MODEL: "not_started"})
    ends_as: str = "fine_tuned"
    message: str | None = None
    progress: dict[str, float] = field(default_factory=dict)
    scale: float = 100
    attempts: list[dict[str, Any]] = field(default_factory=list)
    manual: dict[str, Any] | None = None
    trainings: int = 0
    looks: int = 0

    def look(self) -> None:
        """One more look at a training takes it a step further."""
        state = self.states.get(MODEL)
        if state in ("queued", "fine_tuning"):
            self.looks += 1
            self.progress[MODEL] = min(self.looks / (self.looks_needed + 1), 1) * self.scale
            self.states[MODEL] = "fine_tuning" if self.looks <= self.looks_needed else self.ends_as

    def begin(self, model_id: str) -> None:
        self.states[model_id], self.looks = "queued", 0
        self.trainings += 1

    def shape(self) -> dict[str, Any]:
        return {
            "is_allowed_to_fine_tune": True, "state": dict(self.states), "progress": dict(self.progress),
            "message": {MODEL: self.message} if self.message else {}, "language": self.language,
            "verification_failures": [], "verification_attempts_count": len(self.attempts),
            "verification_attempts": self.attempts, "max_verification_attempts": _MOST_ATTEMPTS,
            "next_max_verification_attempts_reset_unix_ms": 1_900_000_000_000,
            "manual_verification_requested": self.manual is not None, "manual_verification": self.manual,
            "dataset_duration_seconds": None, "slice_ids": None,
        }  # fmt: skip


class ProfessionalDesk:
    """The routes under `/v1/voices/pvc`. `refuses_recordings`: a person reads something else than the captcha says."""

    def __init__(self, vendor: "FakeElevenLabs") -> None:
        self.vendor = vendor
        self.captcha_as: Literal["image", "base64", "json"] = "image"
        self.looks_needed = 2
        self.ends_as, self.message = "fine_tuned", None
        self.refuses_recordings = False
        route, one = vendor.route, "/v1/voices/pvc/{}"
        route("POST", "/v1/voices/pvc", self._create, creates=True)
        route("POST", one, self._update)
        route("POST", f"{one}/samples", self._add_samples)
        route("POST", f"{one}/samples/{{}}", self._update_sample)
        route("DELETE", f"{one}/samples/{{}}", vendor.delete_sample)
        route("GET", f"{one}/samples/{{}}/audio", self._audio)
        route("GET", f"{one}/samples/{{}}/waveform", self._waveform)
        route("POST", f"{one}/samples/{{}}/separate-speakers", self._separate)
        route("GET", f"{one}/samples/{{}}/speakers", self._speakers)
        route("GET", f"{one}/samples/{{}}/speakers/{{}}/audio", self._speaker_audio)
        route("GET", f"{one}/captcha", self._captcha)
        route("POST", f"{one}/captcha", self._verify)
        route("POST", f"{one}/verification", self._ask_a_person)
        route("POST", f"{one}/train", self._train)

    def let_everybody_verify(self) -> None:
        """Do for every voice what its person does."""
        for voice in list(self.vendor.voices.values()):
            if voice.tuning and voice.samples:
                self._accept(voice)

    def _accept(self, voice: "Voice") -> None:
        if not voice.is_verified:
            voice.is_verified = True
            assert voice.tuning is not None
            voice.tuning.attempts.append(_attempt(accepted=True))

    def _voice(self, call: Call) -> "Voice | None":
        voice = self.vendor.voices.get(call.words[0])
        return voice if voice and voice.tuning else None

    def _create(self, call: Call) -> Reply:
        asked = call.json()
        for name in ("name", "language"):
            if not isinstance(asked, dict) or not asked.get(name):
                return missing(name)
        labels, description = asked.get("labels") or {}, asked.get("description") or ""
        are_texts = isinstance(labels, dict) and all(isinstance(value, str) for value in labels.values())
        if not are_texts or len(asked["name"]) > _NAME_CHARS or len(description) > _DESCRIPTION_CHARS:
            return missing("labels, name or description")
        tuning = Tuning(asked["language"], self.looks_needed, ends_as=self.ends_as, message=self.message)
        voice = self.vendor.make(
            asked["name"], "professional", labels=labels, description=description or None, tuning=tuning,
            requires_verification=True,
        )  # fmt: skip
        return Reply(200, {"voice_id": voice.id})

    def _update(self, call: Call) -> Reply:
        voice, asked = self._voice(call), call.json()
        if voice is None or voice.tuning is None:
            return self.vendor.no_voice()
        voice.name = asked.get("name", voice.name)
        voice.description = asked.get("description", voice.description)
        voice.labels = asked.get("labels", voice.labels)
        voice.tuning.language = asked.get("language", voice.tuning.language)
        return Reply(200, {"voice_id": voice.id})

    def _add_samples(self, call: Call) -> Reply:
        voice = self._voice(call)
        if voice is None:
            return self.vendor.no_voice()
        had = len(voice.samples)
        refused = self.vendor.keep(call.uploads, voice, call)
        return refused or Reply(200, voice.samples[had:])

    def _sample(self, call: Call) -> dict[str, Any] | None:
        voice = self._voice(call)
        return next((s for s in voice.samples if s["sample_id"] == call.words[1]), None) if voice else None

    def _no_sample(self) -> Reply:
        return self.vendor.refuse(400, "sample_not_found", "A sample with this id was not found.")

    def _update_sample(self, call: Call) -> Reply:
        sample, asked = self._sample(call), call.json()
        if sample is None:
            return self._no_sample()
        for name, field_name in (("trim_start_time", "trim_start"), ("trim_end_time", "trim_end")):
            if name in asked:
                sample[field_name] = asked[name]
        for name in ("remove_background_noise", "file_name"):
            if name in asked:
                sample[name] = asked[name]
        if "selected_speaker_ids" in asked:
            sample["speaker_separation"]["selected_speaker_ids"] = asked["selected_speaker_ids"]
        return Reply(200, {"voice_id": call.words[0]})

    def _audio(self, call: Call) -> Reply:
        sample = self._sample(call)
        if sample is None:
            return self._no_sample()
        said = {"voice_id": call.words[0], "sample_id": sample["sample_id"], "media_type": "audio/mpeg"}
        cleaned = call.query.get("remove_background_noise") == "true"
        data = b"\xff\xfbcleaned" if cleaned else b"\xff\xfbas recorded"
        return Reply(200, {**said, "audio_base_64": base64.b64encode(data).decode(), "duration_secs": 30.0})

    def _waveform(self, call: Call) -> Reply:
        sample = self._sample(call)
        if sample is None:
            return self._no_sample()
        return Reply(200, {"sample_id": sample["sample_id"], "visual_waveform": [0.1, 0.5, 0.2]})

    def _separate(self, call: Call) -> Reply:
        sample = self._sample(call)
        if sample is None:
            return self._no_sample()
        sample["speaker_separation"]["status"] = "pending"
        return Reply(200, {"status": "ok"})

    def _speakers(self, call: Call) -> Reply:
        sample = self._sample(call)
        if sample is None:
            return self._no_sample()
        separation = sample["speaker_separation"]
        answer = {"selected_speaker_ids": None, "speakers": None, **separation}
        if separation["status"] == "pending":
            separation["status"] = "completed"
            utterances = [{"start": 0.5, "end": 2.0}]
            speaker = {"speaker_id": "speaker_0", "duration_secs": 1.5, "utterances": utterances}
            separation["speakers"] = {"speaker_0": speaker}
        return Reply(200, answer)

    def _speaker_audio(self, call: Call) -> Reply:
        if self._sample(call) is None:
            return self._no_sample()
        data = base64.b64encode(SPEAKER_SOUND).decode()
        return Reply(200, {"audio_base_64": data, "media_type": "audio/mpeg", "duration_secs": 1.5})

    def _captcha(self, call: Call) -> Reply:
        voice = self._voice(call)
        if voice is None or voice.tuning is None:
            return self.vendor.no_voice()
        if len(voice.tuning.attempts) >= _MOST_ATTEMPTS:
            return self.vendor.refuse(400, "max_verification_attempts", "You have no attempts left.")
        if self.captcha_as == "image":
            return Reply(200, CAPTCHA, {"content-type": "image/png"})
        text = base64.b64encode(CAPTCHA).decode()
        if self.captcha_as == "base64":
            return Reply(200, text.encode(), {"content-type": "text/plain"})
        return Reply(200, json.dumps(text).encode(), {"content-type": "application/json"})

    def _verify(self, call: Call) -> Reply:
        voice = self._voice(call)
        if voice is None or voice.tuning is None:
            return self.vendor.no_voice()
        if [upload.field for upload in call.uploads] != ["recording"]:
            return missing("recording")
        if len(voice.tuning.attempts) >= _MOST_ATTEMPTS:
            return self.vendor.refuse(400, "max_verification_attempts", "You have no attempts left.")
        if self.refuses_recordings:
            voice.tuning.attempts.append(_attempt(accepted=False))
            return self.vendor.refuse(400, "verification_failed", "The recording does not match the captcha.")
        self._accept(voice)
        return Reply(200, {"status": "ok"})

    def _ask_a_person(self, call: Call) -> Reply:
        voice = self._voice(call)
        if voice is None or voice.tuning is None:
            return self.vendor.no_voice()
        if not call.uploads or any(upload.field != "files" for upload in call.uploads):
            return missing("files")
        names = [{"file_id": "f", "file_name": upload.filename, "mime_type": upload.content_type,
                  "size_bytes": len(upload.body), "upload_date_unix": 0} for upload in call.uploads]  # fmt: skip
        text = call.text("extra_text") or ""
        voice.tuning.manual = {"extra_text": text, "request_time_unix": int(time.time()), "files": names}
        return Reply(200, {"status": "ok"})

    def _train(self, call: Call) -> Reply:
        voice = self._voice(call)
        if voice is None or voice.tuning is None:
            return self.vendor.no_voice()
        if not voice.is_verified:
            return self.vendor.refuse(400, "voice_not_verified", "The voice must be verified first.")
        if not voice.samples:
            return self.vendor.refuse(400, "no_samples", "The voice has no samples.")
        voice.tuning.begin((call.json() or {}).get("model_id") or MODEL)
        return Reply(200, {"status": "ok"})


def missing(name: str) -> Reply:
    return Reply(422, {"detail": [{"loc": ["body", name], "msg": "field required", "type": "value_error.missing"}]})


def _attempt(*, accepted: bool) -> dict[str, Any]:
    recording = {"recording_id": "r", "mime_type": "audio/wav", "size_bytes": 1, "transcription": "seven gray foxes"}
    return {
        "text": "seven grey boxes", "date_unix": 1_800_000_000, "accepted": accepted,
        "similarity": 0.9 if accepted else 0.41, "levenshtein_distance": 0.0 if accepted else 3.0,
        "recording": recording,
    }  # fmt: skip
