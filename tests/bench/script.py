"""The usual script that people prepare a recording with; what `tests.bench.sound` is held against.

python -m tests.bench.script SOURCE TARGET
"""

import sys
from pathlib import Path

import librosa
import noisereduce
import soundfile

RATE_HZ = 24_000


def treat(source: Path, target: Path) -> None:
    """Load, denoise, trim, write."""
    samples, rate_hz = librosa.load(source, sr=RATE_HZ, mono=True)
    trimmed, _ = librosa.effects.trim(noisereduce.reduce_noise(y=samples, sr=rate_hz))
    soundfile.write(target, trimmed, rate_hz)


if __name__ == "__main__":
    treat(Path(sys.argv[1]), Path(sys.argv[2]))
