"""What a stage is given: the clone's facts, its recordings as local files, and a way to show progress.

Everything here is read when the stage begins. A stage that wants something written returns it in its ending; the one
exception is `transaction`, for an intent that must be committed before the outside world is touched.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from shared import claims
from shared.asking import Subject, ask
from shared.claims import Claim
from shared.db.models import Clone, PreparedFile, Sample
from shared.errors import ClaimLost, DatabaseUnavailable, SourceMissing, StorageUnavailable
from shared.services import Services
from shared.states import Denoise, JobKind, Trim, percent
from shared.storage.protocol import put_file
from shared.vendors import meter
from shared.vendors.engines import Engine
from shared.vendors.protocol import CloneOrder, SampleFile, Vendor
from worker.audio.files.decoder import Decoder
from worker.bench import Bench
from worker.heart import Hold

T = TypeVar("T")
_PROGRESS_EVERY_S = 0.5
_SENT_SHARE = 0.9  # of a stage that sends: what is left is the vendor's answer


class HandedBack(Exception):
    """This worker is stopping: the stage is given back unfinished."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A sample's row as a stage reads it."""

    id: str
    filename: str
    size_bytes: int
    sha256: str
    object_key: str
    inspection: dict[str, Any] | None

    @property
    def clone_folder(self) -> str:
        """The beginning of every key of the clone that was uploaded with this recording, without the last slash."""
        return str(PurePosixPath(self.object_key).parent.parent)


@dataclass(frozen=True, slots=True)
class Sendable:
    """The row of a file that was made for the vendor."""

    number: int
    object_key: str
    container: str
    duration_s: float
    cleaned: bool


@dataclass(slots=True)
class Task:
    """One run of one stage."""

    claim: Claim
    order: CloneOrder
    denoise: Denoise
    trim: Trim
    vendor_voice_id: str | None
    recordings: tuple[Recording, ...]
    prepared: tuple[Sendable, ...]
    folder: Path
    _bench: Bench
    _hold: Hold
    _shown_at_s: float = field(default=float("-inf"))
    _stored_keys: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, bench: Bench, claim: Claim, hold: Hold, folder: Path) -> Self:
        """Read what the stage needs to know."""
        with bench.services.database.read() as session:
            clone = session.get_one(Clone, claim.clone_id)
            samples = session.scalars(_recordings(claim))
            recordings = tuple(
                Recording(s.id, s.filename, s.size_bytes, s.sha256, s.object_key, s.inspection) for s in samples
            )
            prepared = tuple(Sendable(*row) for row in session.execute(_prepared(claim.job_id)))
        order = CloneOrder(
            clone.id, clone.name, clone.description, clone.language, clone.gender, clone.labels, clone.voice_settings
        )
        return cls(
            claim, order, clone.denoise, clone.trim, clone.vendor_voice_id, recordings, prepared, folder, bench, hold
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take back what was stored by a run that came to nothing; where a commit's outcome is unknown, it stays."""
        if error is None or isinstance(error, DatabaseUnavailable):
            return
        for key in self._stored_keys:
            with contextlib.suppress(StorageUnavailable):  # the sweep finds what cannot be deleted now
                self.services.storage.delete(key)

    def store(self, key: str, path: Path, content_type: str) -> None:
        """Store a file under a key that only this run uses. Raises: ClaimLost, StorageUnavailable."""
        with self.transaction():
            self._stored_keys.append(key)
        put_file(self.services.storage, key, path, content_type)

    @property
    def services(self) -> Services:
        return self._bench.services

    @property
    def decoder(self) -> Decoder:
        return self._bench.decoder

    @property
    def vendor(self) -> Vendor:
        """The clone's vendor. Raises: SetupError."""
        return self.services.vendors[self.claim.vendor]

    @property
    def engine(self) -> Engine:
        return self.vendor.engines[self.claim.engine]

    def ask(
        self,
        call: Callable[[Vendor], T],
        *,
        creates: bool = False,
        at: str | None = None,
        sending: Sequence[SampleFile] = (),
    ) -> T:
        """Call the clone's vendor, or the one named `at`; the job's progress follows the bytes of what is sent.

        Raises: VendorPaused, SetupError, what the adapter raises.
        """
        vendor = self.vendor if at is None else self.services.vendors[at]
        engine = self.claim.engine if at in (None, self.claim.vendor) else None
        subject = Subject(self.claim.clone_id, self.claim.job_id, engine)
        with meter.watching(sending, self._show_sent):
            return ask(self.services.database, vendor, subject, call, creates=creates)

    def show(self, fraction: float) -> None:
        """Show how much of the stage is done (0-1), at most twice a second.

        Raises: ClaimLost: when somebody else owns the job now. HandedBack: when this worker is stopping.
        """
        if self._hold.is_lost:
            raise ClaimLost
        if self._bench.stopping.is_set():
            raise HandedBack
        self._write_progress(fraction)

    def _show_sent(self, fraction: float) -> None:
        """Show how much of what is sent has left us.

        Nothing may end a call that is under way, for the vendor may have acted. So neither a lost claim nor a stop is
        heeded here, and a database that could not be reached is not tried again.
        """
        try:
            self._write_progress(_SENT_SHARE * fraction)
        except (ClaimLost, DatabaseUnavailable):
            self._shown_at_s = float("inf")

    def _write_progress(self, fraction: float) -> None:
        now_s = time.monotonic()
        if now_s - self._shown_at_s < _PROGRESS_EVERY_S:
            return
        self._shown_at_s = now_s
        with self.services.database.write() as session:
            claims.note_progress(session, self.claim, percent(self.claim.stage, fraction))

    def part(self, first: float, share: float) -> Callable[[float], None]:
        """Return a progress function for a part of the stage that begins at `first` and is `share` of it."""
        return lambda fraction: self.show(first + share * fraction)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit something before the stage ends, with the lease renewed. Raises: ClaimLost."""
        with self.services.database.write() as session:
            claims.renew(session, self.claim, self.services.settings.lease_s)
            yield session

    def fetch(self, key: str) -> Path:
        """Return a stored object as a local file, fetched once while the job is ours. Raises: SourceMissing."""
        own = self.folder / hashlib.sha256(key.encode()).hexdigest()[:24]
        own.mkdir(exist_ok=True)
        copied = next(own.iterdir(), None)
        return copied or self.services.storage.fetch(key, own)

    def original(self, recording: Recording) -> Path:
        """Return an uploaded recording, checked to be what was uploaded. Raises: SourceMissing."""
        path = self.fetch(recording.object_key)
        with path.open("rb") as source:
            found = hashlib.file_digest(source, "sha256").hexdigest()
        if found != recording.sha256:
            raise SourceMissing(
                f"The stored copy of '{recording.filename}' is not what was uploaded (its SHA-256 differs); upload it."
            )
        return path


def _recordings(claim: Claim) -> Select[Any]:
    """Select what the job is about: the recordings that came with it; for an erasure, all."""
    own = Sample.clone_id == claim.clone_id
    if claim.kind is not JobKind.ERASE:
        own &= Sample.job_id == claim.job_id
    return select(Sample).where(own).order_by(Sample.position)


def _prepared(job_id: str) -> Select[int, str, str, float, bool]:
    row = PreparedFile
    return (
        select(row.number, row.object_key, row.container, row.duration_s, row.cleaned)
        .where(row.job_id == job_id)
        .order_by(row.number)
    )
