"""Write mono samples as a sound file that every vendor takes: 16-bit WAV or FLAC, a block at a time.

The same samples give the same bytes. It must not change levels: what is louder than full scale is a mistake upstream.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import soundfile

Container = Literal["wav", "flac"]

WAV_HEADER_BYTES: Final = 44
BYTES_PER_FRAME: Final = 2
_FULL_SCALE: Final = 32767.0


def encode(blocks: Iterable[npt.NDArray[np.float32]], path: Path, *, container: Container, rate_hz: int) -> None:
    """Write blocks of float32, shape (1, frames), range [-1, 1], to a new file, rounded to 16 bits."""
    with soundfile.SoundFile(
        path, "w", samplerate=rate_hz, channels=1, format=container.upper(), subtype="PCM_16"
    ) as target:
        for block in blocks:
            target.write(np.rint(np.clip(block[0], -1.0, 1.0) * _FULL_SCALE).astype(np.int16))


def frames_that_fit(size_bytes: int) -> int:
    """Return how many frames a WAV file of this size holds."""
    return max(size_bytes - WAV_HEADER_BYTES, 0) // BYTES_PER_FRAME
