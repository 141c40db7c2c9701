"""A fake ElevenLabs, by its API pages and its OpenAPI: instant clones, every voice's reading, the plan.

What is wrong is told in three shapes (`detail` as an object, an array or a text: `detail_as`), because the vendor's own
answers of different age disagree. Professional clones are in `elevenlabs_pvc.py`.
"""

import hashlib
import io
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import soundfile

from tests.fakes.call import Call, Reply, Upload
from tests.fakes.elevenlabs_pvc import ProfessionalDesk, Tuning, missing
from tests.fakes.server import FakeVendor

KEY = "eleven-key"
_PAGE = 10


@dataclass
class Voice:
    """A line of the ledger."""

    id: str
    name: str
    category: str
    made_at_s: float
    created_at_unix: float
    description: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    requires_verification: bool = False
    is_verified: bool = False
    is_owner: bool = True
    tuning: Tuning | None = None

    def shape(self) -> dict[str, Any]:
        return {
            "voice_id": self.id, "name": self.name, "category": self.category, "labels": self.labels,
            "description": self.description, "samples": self.samples or None, "available_for_tiers": [],
            "high_quality_base_model_ids": [], "created_at_unix": int(self.created_at_unix), "is_owner": self.is_owner,
            "fine_tuning": self.tuning.shape() if self.tuning else None,
            "voice_verification": {
                "requires_verification": self.requires_verification, "is_verified": self.is_verified,
                "verification_failures": [], "verification_attempts_count": 0, "language": None,
                "verification_attempts": None,
            },
        }  # fmt: skip


class FakeElevenLabs(FakeVendor):
    """One account at ElevenLabs."""

    name = "elevenlabs"

    def __init__(self) -> None:
        super().__init__()
        self.voices: dict[str, Voice] = {}
        self.detail_as: Literal["object", "old object", "text"] = "object"
        self.requires_verification = False
        self.library_match: dict[str, str] | None = None
        self.may_read_plan = True
        self.most_voices = 100
        self.plan: dict[str, Any] = {
            "tier": "creator", "can_use_instant_voice_cloning": True, "can_use_professional_voice_cloning": True,
            "professional_voice_limit": 1, "voice_add_edit_counter": 3, "max_voice_add_edits": 95,
        }  # fmt: skip
        self.route("POST", "/v1/voices/add", self._add, creates=True)
        self.desk = ProfessionalDesk(self)
        self.route("GET", "/v1/user/subscription", self._plan)
        self.route("GET", "/v2/voices", self._search)
        self.route("GET", "/v1/voices/{}", self._get)
        self.route("DELETE", "/v1/voices/{}", self._delete)
        self.route("POST", "/v1/voices/{}/edit", self._edit)
        self.route("DELETE", "/v1/voices/{}/samples/{}", self.delete_sample)

    def ledger(self) -> tuple[str, ...]:
        return tuple(voice.id for voice in self.voices.values() if voice.category in ("cloned", "professional"))

    def shown(self) -> list[Any]:
        return [self.voices[voice_id].shape() for voice_id in self.ledger()]

    def refusal(self, call: Call) -> Reply | None:
        if call.headers.get("xi-api-key") != KEY:
            return self.refuse(401, "invalid_api_key", "Invalid API key")
        return None

    def refuse(self, status: int, code: str, message: str) -> Reply:
        if self.detail_as == "text":
            return Reply(status, {"detail": message})
        if self.detail_as == "old object":
            return Reply(status, {"detail": {"status": code, "message": message}})
        detail = {
            "type": "invalid_request", "code": code, "message": message, "status": "legacy_word", "request_id": "r-1",
            "param": None,
        }  # fmt: skip
        return Reply(status, {"detail": detail})

    def make(self, name: str, category: str = "cloned", **facts: Any) -> Voice:
        """Put a voice there; return it."""
        voice = Voice(uuid.uuid4().hex[:20], name, category, time.monotonic(), time.time(), **facts)
        self.voices[voice.id] = voice
        return voice

    def keep(self, uploads: Sequence[Upload], voice: Voice, call: Call) -> Reply | None:
        """Take recordings into a voice; return why they are refused, or None."""
        if not uploads or any(upload.field != "files" for upload in uploads):
            return missing("files")
        had = {sample["hash"] for sample in voice.samples}
        new = [sample_of(upload, voice.id, call.text("remove_background_noise") == "true") for upload in uploads]
        hashes = [sample["hash"] for sample in new]
        if len(set(hashes)) < len(hashes) or had & set(hashes):
            return self.refuse(400, "duplicate_files", "You cannot upload the same file twice.")
        if any(sample["duration_secs"] is None for sample in new):
            return self.refuse(400, "invalid_audio", "The file upload is corrupted.")
        voice.samples += new
        return None

    def _add(self, call: Call) -> Reply:
        name = call.text("name")
        if not name:
            return missing("name")
        labels = read_labels(call.text("labels"))
        if labels is None:
            return self.refuse(400, "invalid_labels", "labels must be a JSON object of texts.")
        if len(self.ledger()) >= self.most_voices:
            return self.refuse(400, "voice_limit_reached", "You have reached your maximum amount of custom voices.")
        voice = Voice(uuid.uuid4().hex[:20], name, "cloned", time.monotonic(), time.time())
        refused = self.keep(call.uploads, voice, call)
        if refused:
            return refused
        voice.labels, voice.description = labels, call.text("description")
        voice.requires_verification = self.requires_verification
        self.voices[voice.id] = voice
        body = {"voice_id": voice.id, "requires_verification": self.requires_verification}
        return Reply(200, {**body, "library_voice_match": self.library_match})

    def _edit(self, call: Call) -> Reply:
        voice = self.voices.get(call.words[0])
        if voice is None:
            return self.no_voice()
        if not call.text("name"):
            return missing("name")
        labels = read_labels(call.text("labels"))
        if labels is None:
            return self.refuse(400, "invalid_labels", "labels must be a JSON object of texts.")
        refused = self.keep(call.uploads, voice, call) if call.uploads else None
        if refused:
            return refused
        # Strictly: what an edit does not say is empty afterwards.
        voice.name, voice.labels, voice.description = call.text("name") or "", labels, call.text("description")
        return Reply(200, {"status": "ok"})

    def no_voice(self) -> Reply:
        return self.refuse(400, "voice_not_found", "A voice with this id was not found.")

    def _get(self, call: Call) -> Reply:
        voice = self.voices.get(call.words[0])
        if voice is None:
            return self.no_voice()
        if voice.tuning:
            voice.tuning.look()
        return Reply(200, voice.shape())

    def _delete(self, call: Call) -> Reply:
        return Reply(200, {"status": "ok"}) if self.voices.pop(call.words[0], None) else self.no_voice()

    def delete_sample(self, call: Call) -> Reply:
        voice = self.voices.get(call.words[0])
        if voice is None:
            return self.no_voice()
        left = [sample for sample in voice.samples if sample["sample_id"] != call.words[1]]
        if len(left) == len(voice.samples):
            return self.refuse(400, "sample_not_found", "A sample with this id was not found.")
        voice.samples = left
        return Reply(200, {"status": "ok"})

    def _search(self, call: Call) -> Reply:
        wanted = call.query.get("search", "").lower()
        size = int(call.query.get("page_size", _PAGE))
        if not 1 <= size <= 100:
            return missing("page_size")
        found = [voice for voice in self.voices.values() if self.is_listed(voice.made_at_s) and _matches(voice, wanted)]
        begin = int(call.query.get("next_page_token", 0))
        more = begin + size < len(found)
        shown = [{**voice.shape(), "samples": None} for voice in reversed(found)][begin : begin + size]
        token = str(begin + size) if more else None
        return Reply(200, {"voices": shown, "has_more": more, "total_count": 0, "next_page_token": token})

    def _plan(self, _: Call) -> Reply:
        if not self.may_read_plan:
            return self.refuse(401, "missing_permissions", "The API key is missing the permission user_read.")
        of = [voice.category for voice in self.voices.values()]
        counted = {
            "voice_slots_used": len(of), "voice_limit": self.most_voices,
            "professional_voice_slots_used": of.count("professional"),
        }  # fmt: skip
        return Reply(200, {**counted, **self.plan})


def read_labels(said: str | None) -> dict[str, str] | None:
    """Return the labels of a form; `null`, as the vendor's own client sends, is none. None: they are not labels."""
    try:
        labels = json.loads(said) if said else {}
    except ValueError:
        return None
    labels = {} if labels is None else labels
    is_good = isinstance(labels, dict) and all(isinstance(value, str) for value in labels.values())
    return labels if is_good else None


def sample_of(upload: Upload, voice_id: str, remove_background_noise: bool) -> dict[str, Any]:
    sample_id = uuid.uuid4().hex[:20]
    try:
        duration_s: float | None = float(soundfile.info(io.BytesIO(upload.body)).duration)
    except soundfile.LibsndfileError:
        duration_s = None
    return {
        "sample_id": sample_id, "file_name": upload.filename, "mime_type": upload.content_type,
        "size_bytes": len(upload.body), "hash": hashlib.md5(upload.body, usedforsecurity=False).hexdigest(),
        "duration_secs": duration_s, "remove_background_noise": remove_background_noise,
        "has_isolated_audio": remove_background_noise, "has_isolated_audio_preview": False,
        "speaker_separation": {"voice_id": voice_id, "sample_id": sample_id, "status": "not_started"},
        "trim_start": None, "trim_end": None,
    }  # fmt: skip


def _matches(voice: Voice, wanted: str) -> bool:
    said = [voice.name, voice.description or "", *voice.labels.values()]
    return any(wanted in text.lower() for text in said)
