"""A fake ElevenLabs with an adapter that leads to it, and recordings to send."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from shared.vendors.elevenlabs import ElevenLabs
from shared.vendors.protocol import CloneOrder, SampleFile
from tests.fakes.elevenlabs import KEY, FakeElevenLabs

MARKER = "cp-0123456789abcdef-1"


def adapter(fake: FakeElevenLabs) -> ElevenLabs:
    return ElevenLabs(KEY, fake.url)


def an_order(name: str = "Anna", **facts: Any) -> CloneOrder:
    labels: Mapping[str, Any] = facts.pop("labels", {})
    settings: Mapping[str, Any] = facts.pop("voice_settings", {})
    told: dict[str, Any] = {"description": None, "language": None, "gender": None, **facts}
    return CloneOrder("vc_x", name, labels=labels, voice_settings=settings, **told)


def a_file(folder: Path, number: int = 1, *, cleaned: bool = True, of: int | None = None) -> SampleFile:
    """A second of a tone; files of the same `of` (else their number) hold the same bytes."""
    buffer = io.BytesIO()
    sound = 0.1 * np.sin(np.arange(16_000) * 0.01 * ((of or number) + 1))
    soundfile.write(buffer, sound.astype(np.float32), 16_000, format="FLAC")
    path = folder / f"made-{number}.flac"
    path.write_bytes(buffer.getvalue())
    return SampleFile(path, f"word-{number}.flac", "audio/flac", 1.0, cleaned)
