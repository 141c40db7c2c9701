"""A fake Bland, by its pages: Clone Voice, Add Voice Sample, List Voice Samples and the npm client's calls.

Errors may come inside HTTP 200 (`errors_in_200`), ids may be whole numbers (`numbers_for_ids`), and the list is an
array or wrapped (`wraps_list`): Bland's pages of different age disagree.
"""

import io
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import soundfile

from tests.fakes.call import Call, Reply, Upload
from tests.fakes.server import FakeVendor

KEY = "bland-key"
_MOST_SAMPLES = 5
_MOST_BYTES = 10_000_000


@dataclass
class Voice:
    """A line of the ledger."""

    id: str | int
    name: str
    service: str
    made_at_s: float
    created_at: str
    description: str | None = None
    samples: list[dict[str, Any]] = field(default_factory=list)

    def shape(self) -> dict[str, Any]:
        return {
            "id": self.id, "voice_id": f"maker-{self.id}", "name": self.name, "service": self.service,
            "description": self.description, "public": False, "is_custom": True, "user_id": "org_1", "tags": ["cloned"],
            "created_at": self.created_at,
        }  # fmt: skip


class FakeBland(FakeVendor):
    """One organisation at Bland."""

    name = "bland"

    def __init__(self) -> None:
        super().__init__()
        self.voices: dict[str, Voice] = {}
        self.most_voices = 100
        self.errors_in_200 = False
        self.numbers_for_ids = False
        self.wraps_list = False
        self.hang_at_rename = False
        self.renames = 0
        self.route("POST", "/v1/voices/clone", self._clone, creates=True)
        self.route("POST", "/v1/voices/samples", self._add_samples, creates=True)
        self.route("POST", "/v1/voices/check_name_availability", self._check_name)
        self.route("GET", "/v1/models", lambda _: Reply(200, {"models": [{"name": "BTTS_V3"}, {"name": "BTTS_V2"}]}))
        self.route("GET", "/v1/voices", self._list)
        self.route("GET", "/v1/voices/{}", self._get)
        self.route("DELETE", "/v1/voices/{}", self._delete)
        self.route("PATCH", "/v1/voices/{}/rename", self._rename)
        self.route("GET", "/v1/voices/{}/samples", self._samples)
        self.route("DELETE", "/v1/voices/{}/samples", self._delete_samples)

    def ledger(self) -> tuple[str, ...]:
        return tuple(self.voices)

    def shown(self) -> list[Any]:
        return [voice.shape() | {"samples": voice.samples} for voice in self.voices.values()]

    def have(self, name: str, service: str = "BTTS", samples: int = 0) -> str:
        """Put a voice there that somebody made otherwise; return its id."""
        voice = self._make(name, service)
        voice.samples = [_sample(voice.id, 10.0) for _ in range(samples)]
        return str(voice.id)

    def refusal(self, call: Call) -> Reply | None:
        if call.headers.get("authorization") != KEY:
            return Reply(401, _errors("Unauthorized", "Invalid API key."))
        return None

    def _clone(self, call: Call) -> Reply:
        name = call.text("name") or ""
        if not 1 <= len(name) <= 30:
            return self._refuse("Validation Error", "The name must have 1-30 characters.")
        if self._named(name):
            return self._refuse("Validation Error", f"A voice named {name} already exists.")
        if len(call.uploads) != 1 or call.uploads[0].field != "audio_samples":
            return self._refuse("Validation Error", f"Exactly 1 file in audio_samples; got {len(call.uploads)}.")
        trouble = _trouble(call.uploads[0])
        if trouble:
            return self._refuse("Validation Error", trouble)
        if len(self.voices) >= self.most_voices:
            return self._refuse("Limit Exceeded", "You have reached the maximum number of voices for your plan.")
        service = "BTTS_V2" if call.text("isBTTS_V2") == "true" else "BTTS_V3"
        voice = self._make(name, service, call.text("description"))
        return Reply(200, {"status": 200, "data": {"voice_id": voice.id, "name": name}, "errors": None})

    def _make(self, name: str, service: str, description: str | None = None) -> Voice:
        number = 1000 + len(self.voices)
        made_id: str | int = number if self.numbers_for_ids else str(uuid.uuid4())
        created_at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1_000_000 % 1000:03}Z"
        voice = Voice(made_id, name, service, time.monotonic(), created_at, description)
        self.voices[str(made_id)] = voice
        return voice

    def _named(self, name: str) -> bool:
        return any(voice.name.casefold() == name.casefold() for voice in self.voices.values())

    def _refuse(self, error: str, message: str, status: int = 400) -> Reply:
        return Reply(200 if self.errors_in_200 else status, {"status": status, **_errors(error, message)})

    def _check_name(self, call: Call) -> Reply:
        return Reply(200, {"data": {"available": not self._named(call.json()["name"])}, "errors": None})

    def _list(self, _: Call) -> Reply:
        listed = [voice.shape() for voice in self.voices.values() if self.is_listed(voice.made_at_s)]
        return Reply(200, {"voices": listed} if self.wraps_list else listed)

    def _voice(self, call: Call) -> Voice | None:
        wanted = call.words[0]
        return self.voices.get(wanted) or next((v for v in self.voices.values() if v.name == wanted), None)

    def _get(self, call: Call) -> Reply:
        voice = self._voice(call)
        return Reply(200, {"voice": voice.shape()}) if voice else Reply(404, _errors("NOT_FOUND", "Voice not found"))

    def _delete(self, call: Call) -> Reply:
        if self.voices.pop(call.words[0], None) is None:
            return Reply(404, _errors("NOT_FOUND", "Voice not found"))
        return Reply(200, {"data": {"status": "success"}, "errors": None})

    def _rename(self, call: Call) -> Reply:
        self.renames += 1
        if self.hang_at_rename:
            raise TimeoutError("the connection is cut")
        voice, name = self._voice(call), call.json()["name"]
        if voice is None:
            return Reply(404, _errors("NOT_FOUND", "Voice not found"))
        if self._named(name):
            return self._refuse("Validation Error", f"A voice named {name} already exists.")
        voice.name = name
        return Reply(200, {"data": voice.shape(), "errors": None})

    def _samples(self, call: Call) -> Reply:
        voice = self._voice(call)
        if voice is None:
            return Reply(404, _errors("VOICE_SAMPLES_ERROR", "Voice not found"))
        return Reply(200, {"samples": voice.samples if voice.service == "BTTS" else []})

    def _add_samples(self, call: Call) -> Reply:
        voice = self.voices.get(call.text("voice_id") or "")
        if not call.uploads:
            return self._refuse("BAD_REQUEST", "No audio files provided")
        if voice is None:
            return self._refuse("BAD_REQUEST", "Voice not found", 404)
        if voice.service != "BTTS":
            return self._refuse("INTERNAL_SERVER_ERROR", "Adding samples is only supported for BTTS voices", 500)
        trouble = next((found for upload in call.uploads if (found := _trouble(upload))), None)
        if trouble:
            return self._refuse("Validation Error", trouble)
        new, had = len(call.uploads), len(voice.samples)
        if new + had > _MOST_SAMPLES:
            message = (f"Cannot add {new} sample(s). Voice already has {had} samples. "
                       f"Maximum allowed is {_MOST_SAMPLES} samples per voice.")  # fmt: skip
            return self._refuse("Validation Error", message)
        voice.samples += [_sample(voice.id, _seconds(upload)) for upload in call.uploads]
        return Reply(200, {"status": "success", "samples": voice.samples})

    def _delete_samples(self, call: Call) -> Reply:
        voice, wanted = self._voice(call), set(call.json()["sample_ids"])
        if voice is None or not wanted <= {sample["id"] for sample in voice.samples}:
            return Reply(404, _errors("VOICE_SAMPLE_ERROR", "Sample not found"))
        voice.samples = [sample for sample in voice.samples if sample["id"] not in wanted]
        return Reply(200, {"status": "success", "samples": voice.samples})


def _errors(error: str, message: str) -> dict[str, Any]:
    return {"data": None, "errors": [{"error": error, "message": message}]}


def _sample(voice_id: str | int, seconds: float) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()), "voice_id": voice_id, "transcription": None, "duration_seconds": seconds,
        "created_at": "2026-06-22T21:34:31.347Z",
    }  # fmt: skip


def _seconds(upload: Upload) -> float:
    return float(soundfile.info(io.BytesIO(upload.body)).duration)


def _trouble(upload: Upload) -> str | None:
    """Return what is wrong with a recording: Bland takes WAV of 1-60 s and at most 10 MB."""
    if len(upload.body) > _MOST_BYTES:
        return "A file is larger than 10 MB."
    if upload.body[:4] != b"RIFF" or not upload.filename.endswith(".wav"):
        return "Only WAV files are supported."
    return None if 0.99 <= _seconds(upload) <= 60.01 else "A file must have 1-60 seconds."
