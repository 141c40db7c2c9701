"""Recordings on their way from samples to what an engine gets, with nothing of ours replaced."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from shared.errors import AudioError
from tests.worker.audio.signals import Samples, write
from worker.audio.choose.planning import Target
from worker.audio.files.decoder import Decoder
from worker.audio.files.wire import DecodeLimits
from worker.audio.inspector import inspect
from worker.audio.measure.inspection import Examination
from worker.audio.preparation import prepare
from worker.audio.scratch import Shelf
from worker.audio.treat.prepared import Prepared, Source, Wish

EVERYTHING = Target()
AUTO = Wish()


def nobody(_fraction: float) -> None:
    """Hears of progress and does nothing."""


@dataclass(frozen=True)
class Studio:
    """Inspects and prepares in a folder of its own; what is prepared lies in `out`."""

    decoder: Decoder
    limits: DecodeLimits
    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def inspect(self, path: Path, progress: Callable[[float], None] = nobody) -> Examination:
        return inspect(self.decoder, path, filename=path.name, limits=self.limits, progress=progress)

    def attempt(self, path: Path) -> Examination | AudioError:
        """Inspect, and return the error where the recording is refused."""
        try:
            return self.inspect(path)
        except AudioError as error:
            return error

    def examine(self, sound: Samples, rate_hz: int) -> Examination:
        """Inspect a sound as a float WAV file named voice.wav."""
        return self.inspect(write(self.folder / "voice.wav", sound, rate_hz, subtype="FLOAT"))

    def source(self, sound: Samples, rate_hz: int, name: str = "voice") -> Source:
        return self.uploaded(write(self.folder / f"{name}.wav", sound, rate_hz, subtype="FLOAT"))

    def copied(self, source: Source) -> Source:
        """Inspect a recording again and leave a copy of what was decoded."""
        shelf = Shelf.of(self.folder, source.id)
        limits = self.limits
        inspect(self.decoder, source.path, filename=source.filename, limits=limits, progress=nobody, shelf=shelf)
        return replace(source, copy=shelf.path)

    def uploaded(self, path: Path) -> Source:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return Source(f"smp_{path.stem}", path.name, path, sha256, self.inspect(path))

    def prepare(
        self,
        *sources: Source,
        target: Target = EVERYTHING,
        wish: Wish = AUTO,
        progress: Callable[[float], None] = nobody,
    ) -> tuple[Prepared, ...]:
        self.out.mkdir(exist_ok=True)
        return prepare(
            self.decoder, sources, target=target, wish=wish, limits=self.limits, folder=self.out, progress=progress
        )

    def make(self, sound: Samples, rate_hz: int, target: Target = EVERYTHING, wish: Wish = AUTO) -> Prepared:
        """Prepare one sound of which one file is to come."""
        (made,) = self.prepare(self.source(sound, rate_hz), target=target, wish=wish)
        return made


def sent(made: Prepared) -> Samples:
    """What the engine gets, shape (1, frames)."""
    samples, rate_hz = soundfile.read(made.path, dtype="float32", always_2d=True)
    assert rate_hz == made.rate_hz
    return np.asarray(samples.T)


def joined(*sounds: Samples) -> Samples:
    """Sounds one after the other."""
    return np.concatenate(sounds, axis=1)
