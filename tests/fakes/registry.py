"""Every fake vendor, with the key that it takes."""

from collections.abc import Callable

from tests.fakes import bland, buena, elevenlabs, retell
from tests.fakes.server import FakeVendor

FAKES: list[tuple[Callable[[], FakeVendor], str]] = [
    (bland.FakeBland, bland.KEY),
    (elevenlabs.FakeElevenLabs, elevenlabs.KEY),
    (buena.FakeBuena, buena.KEY),
    (retell.FakeRetell, retell.KEY),
]
