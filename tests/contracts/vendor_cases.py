"""Every vendor and engine as the contract suite sees it: a fake at the wire, and settings that lead to it."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import soundfile

from tests.fakes.bland import KEY as BLAND_KEY
from tests.fakes.bland import FakeBland
from tests.fakes.buena import KEY as BUENA_KEY
from tests.fakes.buena import FakeBuena
from tests.fakes.elevenlabs import KEY as ELEVENLABS_KEY
from tests.fakes.elevenlabs import FakeElevenLabs
from tests.fakes.retell import KEY as RETELL_KEY
from tests.fakes.retell import FakeRetell
from tests.fakes.server import FakeVendor


@dataclass(frozen=True)
class VendorCase:
    """One engine of one vendor.

    Attributes:
        time_scale: Makes the engine's call timeout about a second.
        file_s: Length of the prepared file that is sent.
        language: What the clone says is spoken.
        can_delete: A twin can be deleted there.
        tune: Sets the fake up before the service starts.
        finish: Does what a person or time does at the vendor, so that a training ends.
    """

    vendor: str
    engine: str
    fake: Callable[[], FakeVendor]
    key: str
    time_scale: float
    container: str = "wav"
    file_s: float = 8.0
    language: str | None = None
    can_delete: bool = True
    tune: Callable[[FakeVendor], None] = field(default=lambda _: None)
    finish: Callable[[FakeVendor], None] = field(default=lambda _: None)

    def __str__(self) -> str:
        return f"{self.vendor}-{self.engine}"

    def settings(self, fake: FakeVendor) -> dict[str, object]:
        return {
            f"{self.vendor}_api_key": self.key,
            f"{self.vendor}_base_url": fake.base_url,
            "vendor_time_scale": self.time_scale,
        }

    def recording(self) -> bytes:
        """A quiet tone in the container that the engine is sent."""
        sound = 0.1 * np.sin(np.arange(int(16_000 * self.file_s)) * 0.05)
        buffer = io.BytesIO()
        soundfile.write(buffer, sound.astype(np.float32), 16_000, format=self.container.upper())
        return buffer.getvalue()


def _retell(engine: str, file_s: float = 8.0) -> VendorCase:
    return VendorCase("retell", engine, FakeRetell, RETELL_KEY, time_scale=0.01, file_s=file_s, can_delete=False)


def _trains(fake: FakeVendor) -> None:
    assert isinstance(fake, FakeBuena)
    fake.training_s = 3600.0


def _finish(fake: FakeVendor) -> None:
    """End the trainings; and the list, the only look at a training that Buena has, shows by now what it holds."""
    assert isinstance(fake, FakeBuena)
    fake.listing_lag_s = 0.0
    fake.finish()


def _have_room(fake: FakeVendor) -> None:
    """A plan of many professional voices: with one place, a twin would find it taken."""
    assert isinstance(fake, FakeElevenLabs)
    fake.plan["professional_voice_limit"] = 10


def _verify_everybody(fake: FakeVendor) -> None:
    assert isinstance(fake, FakeElevenLabs)
    fake.desk.let_everybody_verify()


# One engine of each way of creating a voice meets every misbehaviour; the others share its code and meet the few.
CASES = [
    VendorCase("bland", "btts_v3", FakeBland, BLAND_KEY, time_scale=0.01),
    VendorCase(
        "buena", "default", FakeBuena, BUENA_KEY, time_scale=0.002, container="flac", tune=_trains, finish=_finish
    ),
    _retell("elevenlabs"),
    VendorCase("elevenlabs", "ivc", FakeElevenLabs, ELEVENLABS_KEY, time_scale=0.005, container="flac"),
    # A call that carries no recording has a tenth of the engine's timeout.
    VendorCase(
        "elevenlabs",
        "pvc",
        FakeElevenLabs,
        ELEVENLABS_KEY,
        time_scale=0.006,
        container="flac",
        language="en",
        tune=_have_room,
        finish=_verify_everybody,
    ),
]
FURTHER_CASES = [
    VendorCase("bland", "btts_v2", FakeBland, BLAND_KEY, time_scale=0.01),
    _retell("cartesia"),
    _retell("minimax", file_s=12.0),
    _retell("fish_audio", file_s=12.0),
    _retell("inworld"),
    _retell("platform"),
]
