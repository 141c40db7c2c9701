"""Recordings of given lengths: the house's own speech, clean or noisy, said over and over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from tests.capacity.measured import Kind
from tests.deploy.image import HOUSE
from tests.stack import CLEAN_SPEECH

_NOISY_SPEECH: Final = HOUSE / "api" / "demo" / "noisy_speech.flac"
_RATE_HZ: Final = 44_100  # what people's devices record at
_BLOCK_S: Final = 60
_FORMATS: Final = {"flac": ("FLAC", "PCM_16"), "mp3": ("MP3", "MPEG_LAYER_III")}


def made(kind: Kind, folder: Path) -> Path:
    """Write a recording, mono, at 44.1 kHz; return where."""
    path = folder / f"{kind.length_s}-{'noisy' if kind.noisy else 'clean'}.{kind.container}"
    container, subtype = _FORMATS[kind.container]
    with soundfile.SoundFile(path, "w", _RATE_HZ, 1, subtype, format=container) as file:
        for block in _blocks(_NOISY_SPEECH if kind.noisy else CLEAN_SPEECH, kind.length_s):
            file.write(block)
    return path


def _blocks(source: Path, length_s: int) -> Iterator[np.ndarray]:
    sound, rate_hz = soundfile.read(source, dtype="float32")
    sound = soxr.resample(sound, rate_hz, _RATE_HZ)
    for begin in range(0, length_s * _RATE_HZ, _BLOCK_S * _RATE_HZ):
        end = min(begin + _BLOCK_S * _RATE_HZ, length_s * _RATE_HZ)
        yield np.take(sound, np.arange(begin, end), mode="wrap")
