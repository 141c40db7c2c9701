"""The sandbox vendor: a product, not a mock. It pretends to train, so that nothing costs money. No voice is trained.

Its voices are small JSON objects in our own storage, so that every worker sees the same ledger and a test can count
it. The clone's name scripts what happens: a name that contains

    fail_at_submit     is refused at once
    fail_at_training   fails when 60 % are done
    slow               takes ten times as long
    rate_limited       is told twice to slow down before it is taken
    answer_lost        is taken, but the answer never arrives
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import ClassVar, Final

from shared.errors import (
    SourceMissing,
    TrainingFailed,
    UnknownOutcome,
    VendorProtocol,
    VendorRateLimited,
    VendorRejected,
    VendorVoiceNotFound,
)
from shared.ids import random_word
from shared.storage.protocol import Storage, StoredObject, put
from shared.vendors.engines import Abilities, Engine, Limits, Range
from shared.vendors.protocol import (
    CloneOrder,
    FoundVoice,
    SampleFile,
    Submitted,
    Training,
    TrainingState,
    VendorSample,
    VoiceAtVendor,
)

_MIB: Final = 1024 * 1024
_ROOM: Final = "sandbox"
_REFUSALS: Final = 2

_LIMITS = Limits(
    files=Range(1, 25),
    file_bytes=Range(1, 50 * _MIB),
    file_s=Range(),
    total_s=Range(1, 600),
    best_s=None,
    containers=("flac", "wav"),
    rate_hz=48_000,
    name_chars=Range(1, 100),
    own_denoise=None,
    source="shared/vendors/sandbox.py",
    checked=date(2026, 11, 20),
)


ENGINES: Final[Mapping[str, Engine]] = {
    "default": Engine(
        name="default",
        limits=_LIMITS,
        abilities=Abilities(
            marker="part of the voice's id",
            adds_samples=True,
            max_samples=25,
            deletes_samples=True,
            progress="percent",
        ),
        call_timeout_s=5.0,
        listing_lag_s=0.0,
        poll_every_s=0.5,
        training_typical_s=4.0,
        training_deadline_s=3600.0,
    )
}


@dataclass(frozen=True, slots=True)
class _Voice:
    """A line of the sandbox's ledger."""

    voice_id: str
    name: str
    marker: str
    files: int
    created_at_s: float
    training_s: float
    fails: bool


class Sandbox:
    """Pretends to be a vendor with one engine, over a storage."""

    name: ClassVar = "sandbox"
    notice: ClassVar[str | None] = "The sandbox vendor pretends: no voice is trained, nothing is sent anywhere."
    calls_per_minute: ClassVar[float | None] = None

    def __init__(self, storage: Storage, training_s: float) -> None:
        self._storage = storage
        self._training_s = training_s
        self.engines = ENGINES

    def submit(self, engine: str, order: CloneOrder, files: Sequence[SampleFile], marker: str) -> Submitted:
        if "fail_at_submit" in order.name:
            raise VendorRejected(
                "The sandbox vendor refused the recordings because the name asks for it (fail_at_submit)."
            )
        if "rate_limited" in order.name and self._refused(marker) < _REFUSALS:
            put(self._storage, f"{_ROOM}/refusals/{marker}/{random_word(8)}", b"{}", "application/json")
            raise VendorRateLimited("The sandbox vendor asked us to slow down (rate_limited).", retry_after_s=0.5)
        voice = _Voice(
            voice_id=f"sandbox.{marker}.{random_word(8)}",
            name=order.name,
            marker=marker,
            files=len(files),
            created_at_s=datetime.now(UTC).timestamp(),
            training_s=self._training_s * (10 if "slow" in order.name else 1),
            fails="fail_at_training" in order.name,
        )
        put(self._storage, _key(voice.voice_id), json.dumps(asdict(voice)).encode(), "application/json")
        self.add(engine, voice.voice_id, files)
        if "answer_lost" in order.name:
            raise UnknownOutcome("The sandbox vendor's answer was lost (answer_lost).")
        return Submitted(voice.voice_id)

    def complete(
        self, engine: str, order: CloneOrder, files: Sequence[SampleFile], voice_id: str, marker: str
    ) -> tuple[str, ...]:
        return ()

    def _refused(self, marker: str) -> int:
        return sum(1 for _ in self._storage.list(f"{_ROOM}/refusals/{marker}/"))

    def find(self, engine: str, marker: str) -> tuple[FoundVoice, ...]:
        voices = sorted(self._voices(f"{_ROOM}/voices/{marker}/"), key=lambda voice: voice.created_at_s)
        return tuple(FoundVoice(voice.voice_id, datetime.fromtimestamp(voice.created_at_s, UTC)) for voice in voices)

    def poll(self, engine: str, voice_id: str) -> Training:
        try:
            voice = self._read(_key(voice_id))
        except SourceMissing:
            raise TrainingFailed("The sandbox vendor has no such voice: it was deleted there.") from None
        age_s = datetime.now(UTC).timestamp() - voice.created_at_s
        progress = min(1.0, age_s / voice.training_s) if voice.training_s else 1.0
        if voice.fails and progress >= 0.6:
            return Training(TrainingState.FAILED, 0.6, "the name asks for a failed training (fail_at_training)")
        if progress >= 1.0:
            return Training(TrainingState.READY, 1.0)
        return Training(TrainingState.TRAINING, progress)

    def discard(self, engine: str, voice_id: str) -> None:
        for sample in self.samples(engine, voice_id):
            self.remove(engine, voice_id, sample.sample_id)
        self._storage.delete(_key(voice_id))

    def look_up(self, voice_id: str) -> VoiceAtVendor:
        try:
            voice = self._read(_key(voice_id))
        except (SourceMissing, VendorProtocol):
            raise VendorVoiceNotFound(f"The sandbox vendor has no voice '{voice_id[:60]}'.") from None
        return VoiceAtVendor(voice_id, voice.name, "default", samples=self.samples("default", voice_id))

    def check_access(self) -> str:
        return "it is always there and needs no key"

    def samples(self, engine: str, voice_id: str) -> tuple[VendorSample, ...]:
        kept = [json.loads(b"".join(self._storage.read(stored.key))) for stored in self._samples_of(voice_id)]
        return tuple(
            VendorSample(
                sample_id=one["sample_id"],
                filename=one["filename"],
                duration_s=one["duration_s"],
                created_at=datetime.fromtimestamp(one["created_at_s"], UTC),
            )
            for one in sorted(kept, key=lambda one: (one["created_at_s"], one["filename"]))
        )

    def add(self, engine: str, voice_id: str, files: Sequence[SampleFile]) -> None:
        for file in files:
            sample = {
                "sample_id": random_word(12),
                "filename": file.filename,
                "duration_s": file.duration_s,
                "created_at_s": datetime.now(UTC).timestamp(),
            }
            key = f"{_ROOM}/samples/{voice_id}/{sample['sample_id']}.json"
            put(self._storage, key, json.dumps(sample).encode(), "application/json")

    def remove(self, engine: str, voice_id: str, sample_id: str) -> None:
        for stored in list(self._samples_of(voice_id)):
            if stored.key.endswith(f"/{sample_id}.json"):
                self._storage.delete(stored.key)

    def _samples_of(self, voice_id: str) -> Iterator[StoredObject]:
        return iter(self._storage.list(f"{_ROOM}/samples/{voice_id}/"))

    def ledger(self) -> tuple[str, ...]:
        """Return the ids of every live voice, for those who count what was created."""
        return tuple(voice.voice_id for voice in self._voices(f"{_ROOM}/voices/"))

    def _voices(self, prefix: str) -> Iterator[_Voice]:
        for stored in self._storage.list(prefix):
            yield self._read(stored.key)

    def _read(self, key: str) -> _Voice:
        return _Voice(**json.loads(b"".join(self._storage.read(key))))


def _key(voice_id: str) -> str:
    kind, _, rest = voice_id.partition(".")
    marker, _, _ = rest.partition(".")
    if kind != "sandbox" or not marker:
        raise VendorProtocol(f"'{voice_id}' is not a voice of the sandbox vendor.")
    return f"{_ROOM}/voices/{marker}/{voice_id}.json"
