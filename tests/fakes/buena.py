"""A fake Buena, by its pages (Create, List, Update, Delete Voice Clone; Rate Limits) and its client's model of them.

Its pages disagree, so a test says which of them it speaks as: a creation answers 201 or 200 (`answers_200`); the list
has statuses (`lists_status`), none, or is a single voice (`lists_one`); errors have a code, or are a sentence
(`speaks_as_client`). Voices train for `training_s`; `finish` ends that.
"""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.call import Call, Reply, Upload
from tests.fakes.recording import container, seconds
from tests.fakes.server import FakeVendor

KEY = "bna-key"
_BASE = "/api/v2"
_FORMATS = ("wav", "mp3", "m4a", "flac")
_MOST_BYTES = 50_000_000


@dataclass
class Voice:
    """A line of the ledger."""

    id: str
    name: str
    description: str | None
    samples: int
    made_at_s: float
    created_at: str
    settings: str | None = None
    finished: bool = False
    failure: str | None = None
    campaigns: list[str] = field(default_factory=list)
    status: str | None = None  # a word that the pages do not know


class FakeBuena(FakeVendor):
    """One user at Buena."""

    name = "buena"

    def __init__(self) -> None:
        super().__init__()
        self.voices: dict[str, Voice] = {}
        self.most_voices = 5
        self.training_s = 0.0
        self.answers_200 = False
        self.lists_status = True
        self.lists_one = False
        self.speaks_as_client = False
        self.too_fast: list[Reply] = []  # what the next calls are answered, whatever they ask
        self.route("POST", f"{_BASE}/voice-clones", self._create, creates=True)
        self.route("GET", f"{_BASE}/voice-clones", self._list)
        self.route("PUT", f"{_BASE}/voice-clones/{{}}", self._update)
        self.route("DELETE", f"{_BASE}/voice-clones/{{}}", self._delete)

    @property
    def base_url(self) -> str:
        return f"{self.url}{_BASE}"

    def ledger(self) -> tuple[str, ...]:
        return tuple(self.voices)

    def shown(self) -> list[Any]:
        return [self._shape(voice) for voice in self.voices.values()]

    def finish(self) -> None:
        """End every training."""
        for voice in list(self.voices.values()):
            voice.finished = True

    def have(self, name: str, description: str | None = None) -> Voice:
        """Put a voice there that somebody made otherwise."""
        voice = Voice(
            uuid.uuid4().hex[:20], name, description, 1, time.monotonic(),
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1_000_000 % 1000:03}Z",
        )  # fmt: skip
        self.voices[voice.id] = voice
        return voice

    def slow_down(self, *, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> None:
        """Answer the next call that it came too soon."""
        refused = self._error(429, "RATE_LIMIT_EXCEEDED", "Rate limit exceeded. Please slow down.")
        self.too_fast.append(Reply(429, refused.body | (body or {}), headers or {}))

    def refusal(self, call: Call) -> Reply | None:
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return self._error(401, "UNAUTHORIZED", "Invalid API key.")
        return self.too_fast.pop(0) if self.too_fast else None

    def unknown(self, call: Call) -> Reply:
        return self._error(404, "NOT_FOUND", f"Cannot {call.method} {call.path}")

    def _error(self, status: int, code: str, message: str, **details: Any) -> Reply:
        if self.speaks_as_client:
            return Reply(status, {"success": False, "error": message, "details": "see the documentation"})
        body = {"error": True, "code": code, "message": message, "version": "2.0", "timestamp": "2026-11-20T15:30:00Z"}
        return Reply(status, body | {"details": details})

    def _create(self, call: Call) -> Reply:
        files = call.uploads
        if not call.text("name") or not 1 <= len(files) <= 10 or {file.field for file in files} != {"files"}:
            return self._error(400, "INVALID_REQUEST", "name and 1-10 files in 'files' are required.")
        refused = self._refused_files(files)
        if refused is not None:
            return refused
        if len(self.voices) >= self.most_voices:
            message = f"Maximum voice clones reached ({self.most_voices}). Delete existing clones or upgrade your plan."
            counts = {"current_count": len(self.voices), "max_allowed": self.most_voices}
            return self._error(429, "VOICE_CLONE_LIMIT_EXCEEDED", message, **counts)
        voice = self.have(call.text("name") or "", call.text("description"))
        voice.samples, voice.settings = len(files), call.text("settings")
        data = {name: value for name, value in self._shape(voice).items() if name in _CREATED}
        message = "Voice clone created successfully"
        return Reply(200 if self.answers_200 else 201, {"success": True, "data": data, "message": message})

    def _refused_files(self, files: list[Upload]) -> Reply | None:
        large = [file.filename for file in files if len(file.body) >= _MOST_BYTES]
        if large:
            return self._error(413, "FILE_TOO_LARGE", "File size exceeds maximum limit of 50MB", rejected_files=large)
        bad = [file.filename for file in files if _is_bad(file)]
        if bad:
            message = "Unsupported audio format. Please use WAV, MP3, M4A, or FLAC files."
            return self._error(400, "INVALID_FILE_FORMAT", message, supported_formats=_FORMATS, rejected_files=bad)
        return None

    def _shape(self, voice: Voice) -> dict[str, Any]:
        share = (
            1.0
            if voice.finished or not self.training_s
            else (min((time.monotonic() - voice.made_at_s) / self.training_s, 1.0))
        )
        shape = {
            "voiceId": voice.id, "name": voice.name, "description": voice.description, "sampleCount": voice.samples,
            "createdAt": voice.created_at, "updatedAt": voice.created_at, "labels": {},
            "isActive": share >= 1.0 and voice.failure is None,
        }  # fmt: skip
        if self.lists_status:
            shape["status"] = voice.status or ("failed" if voice.failure else "ready" if share >= 1.0 else "processing")
            shape["training_progress"] = round(100 * share)
            shape["error_message"] = voice.failure
        return shape

    def _list(self, call: Call) -> Reply:
        limit, offset = int(call.query.get("limit", 50)), int(call.query.get("offset", 0))
        if not 1 <= limit <= 100 or offset < 0:
            return self._error(400, "INVALID_REQUEST", "limit must be 1-100, offset 0 or more.")
        listed = [self._shape(voice) for voice in self.voices.values() if self.is_listed(voice.made_at_s)]
        if self.lists_one:
            newest = listed[-1] if listed else {}
            one = {name: newest.get(name) for name in ("status", "training_progress", "error_message")}
            return Reply(200, {"success": True, "data": one})
        data = {"voiceClones": listed[offset : offset + limit], "total": len(listed)}
        return Reply(200, {"success": True, "data": data})

    def _update(self, call: Call) -> Reply:
        voice = self.voices.get(call.words[0])
        if voice is None:
            return self._error(404, "VOICE_CLONE_NOT_FOUND", "Voice clone not found")
        changed = call.json() or {}
        voice.name, voice.description = changed.get("name", voice.name), changed.get("description", voice.description)
        return Reply(200, {"success": True, "data": self._shape(voice), "message": "Voice clone updated successfully"})

    def _delete(self, call: Call) -> Reply:
        (voice_id,) = call.words
        voice = self.voices.get(voice_id)
        if voice is None:
            return self._error(404, "VOICE_CLONE_NOT_FOUND", "Voice clone not found")
        if voice.campaigns:
            message = "Voice clone is being used in active campaigns"
            return self._error(409, "VOICE_CLONE_IN_USE", message, active_campaigns=voice.campaigns)
        del self.voices[voice_id]
        return Reply(200, {"success": True, "message": "Voice clone deleted successfully", "deleted_id": voice_id})


_CREATED = ("voiceId", "name", "description", "sampleCount", "createdAt")


def _is_bad(file: Upload) -> bool:
    found = container(file)
    return found not in _FORMATS or not file.filename.endswith(_FORMATS) or (found != "m4a" and not seconds(file))
