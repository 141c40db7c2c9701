"""A decoder for all tests of the room, and ways to decode with it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.worker.audio.signals import Samples
from tests.worker.audio.studio import Studio
from worker.audio.files.decoder import Decoder
from worker.audio.files.stream import DecodedStream
from worker.audio.files.wire import DecodeLimits

Decoded = tuple[DecodedStream, Samples]


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    with Decoder() as shared:
        yield shared


@pytest.fixture
def limits() -> DecodeLimits:
    return DecodeLimits(max_duration_s=600.0, memory_bytes=512 * 2**20, cpu_s=60, wall_s=60.0)


@pytest.fixture
def decode(decoder: Decoder, limits: DecodeLimits) -> Callable[[Path], Decoded]:
    """Decode a whole file; the stream comes back with its warnings."""

    def whole(path: Path) -> Decoded:
        with decoder.decode(path, filename=path.name, limits=limits) as stream:
            blocks = list(stream)
        return stream, np.concatenate(blocks, axis=1)

    return whole


@pytest.fixture
def studio(decoder: Decoder, limits: DecodeLimits, tmp_path: Path) -> Studio:
    return Studio(decoder, limits, tmp_path)
