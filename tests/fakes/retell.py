"""A fake Retell, by its pages: Clone Voice, Get Voice, List Voices; and by what its clients of different age send.

Files come as `files` or `files[]`, with or without a stray text part `files`. The list is an array of every voice that
the account may use, Retell's own among them; a clone of `platform` is listed without a gender. A voice that is not
there is a 422. Nothing can be deleted by a call: `remove` is what a person does in the dashboard.
"""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from tests.fakes.call import Call, Reply, Upload
from tests.fakes.recording import container, seconds
from tests.fakes.server import FakeVendor

KEY = "retell-key"
_MOST_FILES = {"elevenlabs": 25, "cartesia": 1, "minimax": 1, "fish_audio": 25, "inworld": 3, "platform": 25}
_CONTAINERS = ("wav", "mp3", "m4a")  # what was seen accepted; webm was seen refused
_CATALOGUE = (
    {"voice_id": "retell-Cimo", "voice_name": "Cimo", "provider": "platform", "gender": "male"},
    {"voice_id": "openai-Alloy", "voice_name": "Alloy", "provider": "openai", "gender": "female"},
)


@dataclass
class Voice:
    """A line of the ledger."""

    id: str
    name: str
    provider: str
    made_at_s: float

    def shape(self, *, in_full: bool) -> dict[str, Any]:
        shape = {"voice_id": self.id, "voice_name": self.name, "provider": self.provider}
        return shape | {"gender": "female"} if in_full else shape | {"voice_type": "custom"}


class FakeRetell(FakeVendor):
    """One account at Retell."""

    name = "retell"

    def __init__(self) -> None:
        super().__init__()
        self.voices: dict[str, Voice] = {}
        self.has_paid = True
        self.answers_200 = False  # not stated; clients take it
        self.names_provider = True
        self.route("POST", "/clone-voice", self._clone, creates=True)
        self.route("GET", "/list-voices", self._list)
        self.route("GET", "/get-voice/{}", self._get)

    def ledger(self) -> tuple[str, ...]:
        return tuple(self.voices)

    def shown(self) -> list[Any]:
        return [voice.shape(in_full=True) for voice in self.voices.values()]

    def remove(self, voice_id: str) -> None:
        """Delete a voice as a person does, in the dashboard."""
        del self.voices[voice_id]

    def refusal(self, call: Call) -> Reply | None:
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "API key is missing or invalid.")
        return None

    def unknown(self, call: Call) -> Reply:
        return _error(404, f"Cannot {call.method} {call.path}")

    def _clone(self, call: Call) -> Reply:
        if not self.has_paid:
            return _error(402, "Trial has ended, please add payment method.")
        trouble = self._trouble(call)
        if trouble is not None:
            return _error(400, f"Invalid request format, please check API reference. {trouble}")
        provider = call.text("voice_provider") or ""
        voice_id = f"custom_voice_{uuid.uuid4().hex[:24]}"
        voice = Voice(voice_id, call.text("voice_name") or "", provider, time.monotonic())
        self.voices[voice_id] = voice
        return Reply(200 if self.answers_200 else 201, voice.shape(in_full=provider != "platform"))

    def _trouble(self, call: Call) -> str | None:
        name, provider = call.text("voice_name") or "", call.text("voice_provider") or ""
        if not 1 <= len(name) <= 200:
            return f"voice_name must have 1-200 characters, it has {len(name)}."
        if provider not in _MOST_FILES:
            return f"voice_provider must be one of {', '.join(_MOST_FILES)}."
        files = [upload for upload in call.uploads if upload.field in ("files", "files[]")]
        if len(files) != len(call.uploads) or not 1 <= len(files) <= _MOST_FILES[provider]:
            return (
                f"{provider} takes 1-{_MOST_FILES[provider]} files in files; got {len(files)} of {len(call.uploads)}."
            )
        return next((found for file in files if (found := _wrong_with(file, provider))), None)

    def _list(self, _: Call) -> Reply:
        listed = [self._listed(voice) for voice in self.voices.values() if self.is_listed(voice.made_at_s)]
        return Reply(200, [*_CATALOGUE, *listed])

    def _listed(self, voice: Voice) -> dict[str, Any]:
        shape = voice.shape(in_full=voice.provider != "platform")
        if not self.names_provider:
            del shape["provider"]
        return shape

    def _get(self, call: Call) -> Reply:
        (wanted,) = call.words
        own = next((voice for voice in _CATALOGUE if voice["voice_id"] == wanted), None)
        if own is not None:
            return Reply(200, own)
        voice = self.voices.get(wanted)
        return (
            _error(422, "Cannot find requested asset under given api key.")
            if voice is None
            else Reply(200, self._listed(voice))
        )


def _wrong_with(upload: Upload, provider: str) -> str | None:
    """Return what is wrong with a file; seconds and bytes are those of the maker behind."""
    found = container(upload)
    if found not in _CONTAINERS:
        return f"{upload.filename} is no audio file of a kind that is supported."
    length_s = seconds(upload)
    if length_s is None and found != "m4a":
        return f"{upload.filename} cannot be decoded."
    if provider == "minimax" and (len(upload.body) > 20_000_000 or not 10 <= (length_s or 10) <= 300):
        return "The voice must have 10-300 seconds and at most 20 MB."
    if provider == "inworld" and len(upload.body) > 4_000_000:
        return "A file is larger than 4 MB."
    return None


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"status": "error", "message": message})
