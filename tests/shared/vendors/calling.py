"""What adapter tests hand to a vendor: an order, files on disk, a marker."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from shared.vendors.protocol import CloneOrder, SampleFile

MARKER = "cp-abcdefghijklmnop-1"


def an_order(name: str = "Anna", **told: Any) -> CloneOrder:
    facts: dict[str, Any] = {"description": None, "language": None, "gender": None, "labels": {}, "voice_settings": {}}
    return CloneOrder("vc_1", name, **(facts | told))


def recordings(folder: Path, count: int = 1, *, container: str = "wav", length_s: float = 12.0) -> list[SampleFile]:
    """Write quiet tones and return them as `submit` is given files."""
    sound = 0.1 * np.sin(np.arange(int(16_000 * length_s)) * 0.05).astype(np.float32)
    files = []
    for number in range(1, count + 1):
        path = folder / f"{number}.{container}"
        soundfile.write(path, sound, 16_000, format=container.upper())
        files.append(SampleFile(path, f"abc-{number}.{container}", f"audio/{container}", length_s, cleaned=False))
    return files
