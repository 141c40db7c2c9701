"""Voices that `make fakes` begins with, under ids that never change, so that adoption can be tried by pasting a line.

Ids and figures are those of the vendors' own examples where their pages print some.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes import bland, buena, elevenlabs, retell
from tests.fakes.elevenlabs_pvc import MODEL, Tuning
from tests.fakes.server import FakeVendor

_MADE_AT = "2026-06-22T21:34:31.347Z"
_MADE_AT_UNIX = 1_782_164_071.0
_BLAND_SAMPLE_IDS = (
    "d15b199a-1b79-4664-9a9a-b149ee3b136a",
    "e2000000-0000-4000-8000-000000000002",
    "e3000000-0000-4000-8000-000000000003",
    "e4000000-0000-4000-8000-000000000004",
    "e5000000-0000-4000-8000-000000000005",
)


@dataclass(frozen=True, slots=True)
class Stocked:
    """A voice that is there from the beginning, and what can be tried with it."""

    vendor: str
    engine: str
    voice_id: str
    name: str
    what: str

    def line(self) -> str:
        """Return the command that adopts it, as any shell reads it: without a comment, which not every one knows."""
        return f".venv/bin/clonepipe adopt {self.voice_id} --vendor {self.vendor} --engine {self.engine}"


_BLAND = (
    (Stocked("bland", "btts_v1", "73d4c04b-1e15-4272-9c7f-8d2955914ba9", "Room", "1 sample: takes 4 more"), "BTTS", 1),
    (Stocked("bland", "btts_v1", "73d4c04b-1e15-4272-9c7f-000000000004", "Nearly", "4 samples: takes 1"), "BTTS", 4),
    (Stocked("bland", "btts_v1", "73d4c04b-1e15-4272-9c7f-000000000005", "Full", "5 samples: takes none"), "BTTS", 5),
    (Stocked("bland", "btts_v2", "73d4c04b-1e15-4272-9c7f-000000000002", "Second", "takes no samples"), "BTTS_V2", 0),
    (Stocked("bland", "btts_v3", "73d4c04b-1e15-4272-9c7f-000000000003", "Third", "takes no samples"), "BTTS_V3", 0),
)  # fmt: skip
_PROFESSIONAL = Stocked("elevenlabs", "pvc", "DCwhRBWXzGAHq8TQ4Fs18", "Professional", "trained, 2 samples")
_INSTANT = Stocked("elevenlabs", "ivc", "DCwhRBWXzGAHq8TQ4Fs19", "Instant", "1 sample: takes more")
_BUENA = Stocked("buena", "default", "bna00000000000000001", "Greeter", "takes no samples")
_RETELL = (
    Stocked("retell", "elevenlabs", "custom_voice_000000000000000000000001", "Caller", "erased by hand only"),
    Stocked("retell", "platform", "custom_voice_000000000000000000000002", "Host", "erased by hand only"),
)


def stock(fake: FakeVendor) -> list[Stocked]:
    """Put a vendor's voices there; return them."""
    return _STOCKERS[fake.name](fake)


def _stock_bland(fake: Any) -> list[Stocked]:
    for stocked, service, count in _BLAND:
        voice = bland.Voice(stocked.voice_id, stocked.name, service, time.monotonic(), _MADE_AT)
        voice.samples = [
            {"id": sample_id, "voice_id": stocked.voice_id, "transcription": None, "duration_seconds": 11.4,
             "created_at": _MADE_AT}
            for sample_id in _BLAND_SAMPLE_IDS[:count]
        ]  # fmt: skip
        fake.voices[stocked.voice_id] = voice
    return [stocked for stocked, _, _ in _BLAND]


def _stock_elevenlabs(fake: Any) -> list[Stocked]:
    tuning = Tuning("en", states={MODEL: "fine_tuned"}, progress={MODEL: 100.0}, trainings=1)
    professional = _eleven_voice(_PROFESSIONAL, "professional", 1_800.0, 1_500.0)
    professional.tuning, professional.requires_verification, professional.is_verified = tuning, True, True
    first = professional.samples[0]
    first |= {"remove_background_noise": True, "has_isolated_audio": True, "has_isolated_audio_preview": True}
    first |= {"trim_start": 1, "trim_end": 1}
    for stocked, voice in ((_PROFESSIONAL, professional), (_INSTANT, _eleven_voice(_INSTANT, "cloned", 60.0))):
        fake.voices[stocked.voice_id] = voice
    fake.plan["professional_voice_limit"] += 1  # the one that is there leaves the plan's own slot free
    return [_PROFESSIONAL, _INSTANT]


def _eleven_voice(stocked: Stocked, category: str, *lengths_s: float) -> elevenlabs.Voice:
    voice = elevenlabs.Voice(stocked.voice_id, stocked.name, category, time.monotonic(), _MADE_AT_UNIX)
    for number, length_s in enumerate(lengths_s, 1):
        sample_id = f"{stocked.voice_id[:-2]}s{number}"
        separation = {"voice_id": stocked.voice_id, "sample_id": sample_id, "status": "not_started"}
        voice.samples.append(
            {"sample_id": sample_id, "file_name": f"{stocked.name.lower()}-{number}.wav", "mime_type": "audio/wav",
             "size_bytes": int(length_s * 88_200), "hash": f"{number:032x}", "duration_secs": length_s,
             "remove_background_noise": False, "has_isolated_audio": False, "has_isolated_audio_preview": False,
             "speaker_separation": separation, "trim_start": None, "trim_end": None}
        )  # fmt: skip
    return voice


def _stock_buena(fake: Any) -> list[Stocked]:
    voice = buena.Voice(_BUENA.voice_id, _BUENA.name, "A voice made elsewhere", 3, time.monotonic(), _MADE_AT)
    voice.finished = True
    fake.voices[_BUENA.voice_id] = voice
    return [_BUENA]


def _stock_retell(fake: Any) -> list[Stocked]:
    for stocked in _RETELL:
        fake.voices[stocked.voice_id] = retell.Voice(stocked.voice_id, stocked.name, stocked.engine, time.monotonic())
    return list(_RETELL)


_STOCKERS: dict[str, Callable[[Any], list[Stocked]]] = {
    "bland": _stock_bland,
    "elevenlabs": _stock_elevenlabs,
    "buena": _stock_buena,
    "retell": _stock_retell,
}
