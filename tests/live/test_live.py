"""Checks against the vendors themselves, with real keys: each makes a voice, which may cost money, and deletes it.

Left out of every run that does not ask for them: `pytest -m live tests/live -k buena`. What is not configured fails and
says which variable is missing.
"""

import secrets
from pathlib import Path

import pytest
import soundfile

from shared.errors import ErasureUnsupported
from shared.settings import Settings
from shared.storage.folder import FolderStorage
from shared.vendors import open_vendors
from shared.vendors.engines import Engine
from shared.vendors.protocol import CloneOrder, FoundVoice, SampleFile, TrainingState, Vendor
from tests.processes import until
from tests.stack import CLEAN_SPEECH

pytestmark = pytest.mark.live

# An engine of each vendor that is done without a person.
ENGINES = ["bland/btts_v3", "elevenlabs/ivc", "buena/default", "retell/elevenlabs"]
_MOST_S = 10.0
_LOOK_EVERY_S = 3.0  # Buena's key has 60 calls a minute


def recording(folder: Path, engine: Engine) -> SampleFile:
    """Return the first seconds of a recorded voice in a container that the engine takes."""
    container = engine.limits.containers[0]
    sound, rate_hz = soundfile.read(CLEAN_SPEECH, dtype="float32")
    sound = sound[: int(_MOST_S * rate_hz)]
    path = folder / f"live.{container}"
    soundfile.write(path, sound, rate_hz, format=container.upper())
    return SampleFile(path, f"live-1.{container}", f"audio/{container}", len(sound) / rate_hz, cleaned=False)


def find(vendor: Vendor, engine: Engine, marker: str, *, count: int) -> tuple[FoundVoice, ...]:
    """Return what carries the marker once it is so many, or what it is when the list may lag no longer."""
    until(lambda: len(vendor.find(engine.name, marker)) == count, engine.listing_lag_s + 5.0, _LOOK_EVERY_S)
    return vendor.find(engine.name, marker)


def erase(vendor: Vendor, engine: Engine, voice_id: str) -> None:
    """Delete a voice; where only a person can, say so in the run's output."""
    if engine.abilities.deletes_voice:
        vendor.discard(engine.name, voice_id)
        return
    with pytest.raises(ErasureUnsupported) as told:
        vendor.discard(engine.name, voice_id)
    print(told.value.message)  # noqa: T201


@pytest.mark.parametrize("engine_name", ENGINES)
def test_a_voice_is_created_found_followed_and_deleted(engine_name: str, tmp_path: Path) -> None:
    name, _, product = engine_name.partition("/")
    vendor = open_vendors(Settings(data_dir=tmp_path), FolderStorage(tmp_path))[name]
    engine = vendor.engines[product]
    word = secrets.token_hex(4)
    marker, files = f"cp-live-{word}-1", [recording(tmp_path, engine)]
    order = CloneOrder(f"vc_{word}", f"clonepipe live {word}", "A check; delete it.", "en", "female", {}, {})
    assert vendor.check_access()
    voice_id = vendor.submit(product, order, files, marker).voice_id
    try:
        seen = [voice.voice_id for voice in find(vendor, engine, marker, count=1)]
        assert seen == [voice_id], "the vendor's list does not show it within the time that is declared"
        vendor.complete(product, order, files, voice_id, marker)
        assert until(
            lambda: vendor.poll(product, voice_id).state is TrainingState.READY,
            engine.training_deadline_s,
            engine.poll_every_s,
        ), vendor.poll(product, voice_id)
        assert vendor.look_up(voice_id).engine == product
    finally:
        erase(vendor, engine, voice_id)
    if engine.abilities.deletes_voice:
        assert find(vendor, engine, marker, count=0) == ()
