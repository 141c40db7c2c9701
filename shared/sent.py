"""What was made for a vendor, as it is read: the files in their order, and where each second of them comes from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import aside
from shared.db.models import Clone, Job, PreparedFile
from shared.errors import NotFound
from shared.ownership import not_found, owned
from shared.states import Status


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a recording, from `start_s` to `end_s` of it, that is heard at `at_s` of a file."""

    sample_id: str
    start_s: float
    end_s: float
    at_s: float


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file for the vendor. `preparation` is its recipe and what was measured before and after, as it is stored."""

    clone_id: str
    number: int
    object_key: str
    container: str
    rate_hz: int
    duration_s: float
    size_bytes: int
    sha256: str
    preparation: dict[str, Any]

    def stretches(self) -> Iterator[Stretch]:
        """Give what the file is made of, in the order in which it is heard."""
        recipe = self.preparation["recipe"]
        sources = [part["source"] for part in recipe["parts"]]
        at_s = 0.0
        for cut in recipe["cuts"]:
            yield Stretch(sources[cut["part"]], cut["start_s"], cut["end_s"], at_s)
            at_s += cut["end_s"] - cut["start_s"]

    def seconds_of(self, sample_id: str) -> float:
        """Return how much of the file comes from a recording."""
        return sum(stretch.end_s - stretch.start_s for stretch in self.stretches() if stretch.sample_id == sample_id)


def files(session: Session, account_id: str, clone_id: str) -> tuple[SentFile, ...]:
    """Return what was made of a clone's recordings, none before `prepare` is done. Raises: NotFound."""
    if session.scalar(select(Clone.id).where(*owned(account_id, clone_id))) is None:
        raise not_found(clone_id)
    rows = session.scalars(
        select(PreparedFile).join(Clone, Clone.id == PreparedFile.clone_id).join(Job, Job.id == Clone.job_id)
        .where(PreparedFile.clone_id == clone_id, aside.belongs(PreparedFile)).order_by(PreparedFile.number)
    )  # fmt: skip
    return tuple(
        SentFile(
            clone_id=row.clone_id, number=row.number, object_key=row.object_key, container=row.container,
            rate_hz=row.rate_hz, duration_s=row.duration_s, size_bytes=row.size_bytes, sha256=row.sha256,
            preparation=row.preparation,
        )
        for row in rows
    )  # fmt: skip


def file(session: Session, account_id: str, clone_id: str, number: int) -> SentFile:
    """Return one file by its number. Raises: NotFound."""
    made = files(session, account_id, clone_id)
    for found in made:
        if found.number == number:
            return found
    if not made and session.scalar(select(Clone.status).where(Clone.id == clone_id)) == Status.FAILED:
        raise NotFound(
            "The clone failed, and nothing was made of its recordings; nothing will be. The clone's 'error_message' "
            "says why it failed."
        )
    raise NotFound(
        f"There is no file {number} made of the recordings of voice clone '{clone_id[:40]}'; its report lists them."
    )


def holding_most(of: Sequence[SentFile], sample_id: str) -> SentFile | None:
    """Return the file that most seconds of a recording are in, or None when nothing of it was used."""
    most = max(of, key=lambda each: each.seconds_of(sample_id), default=None)
    return most if most is not None and most.seconds_of(sample_id) > 0 else None


def peaks(session: Session, sent: SentFile) -> list[list[int]] | None:
    """Return a file's waveform as [lowest, highest] pairs in -127..127; apart, because it is only read to be drawn."""
    return session.scalar(
        select(PreparedFile.peaks).where(PreparedFile.clone_id == sent.clone_id, PreparedFile.number == sent.number)
    )
