"""What was made for a vendor, read back on every database."""

from collections.abc import Callable

import pytest

from shared import clones, keys, sent
from shared.db.engine import Database
from shared.db.models import PreparedFile
from shared.db.moment import db_now
from shared.errors import CloneNotFound, NotFound
from shared.keys import MAIN_ACCOUNT
from shared.sent import SentFile, Stretch

NewClone = Callable[..., tuple[str, str]]


def make(database: Database, clone_id: str, number: int, *cuts: tuple[str, float, float]) -> None:
    """Write a file that is made of stretches: recording, start, end."""
    sources = list(dict.fromkeys(sample_id for sample_id, _, _ in cuts))
    recipe = {
        "parts": [{"source": source} for source in sources],
        "cuts": [{"part": sources.index(s), "start_s": start_s, "end_s": end_s} for s, start_s, end_s in cuts],
    }
    with database.write() as session:
        session.add(
            PreparedFile(
                clone_id=clone_id, number=number, account_id=MAIN_ACCOUNT, job_id="job_a",
                object_key=f"{clone_id}/{number}",
                container="wav", rate_hz=24_000, duration_s=1.25, size_bytes=10, sha256="0" * 64, cleaned=True,
                preparation={"recipe": recipe}, peaks=[[-number, number]], created_at=db_now(),
            )
        )  # fmt: skip


def files(database: Database, clone_id: str, account_id: str = MAIN_ACCOUNT) -> tuple[SentFile, ...]:
    with database.read() as session:
        return sent.files(session, account_id, clone_id)


def test_files_come_in_their_order_with_what_they_are_made_of(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    make(database, clone_id, 2, ("smp_a", 3.0, 4.0))
    make(database, clone_id, 1, ("smp_b", 0.5, 2.0), ("smp_a", 1.0, 1.25), ("smp_b", 5.0, 6.0))
    first, second = files(database, clone_id)
    assert (first.number, second.number, first.duration_s) == (1, 2, 1.25)
    assert list(first.stretches()) == [
        Stretch("smp_b", 0.5, 2.0, 0.0),
        Stretch("smp_a", 1.0, 1.25, 1.5),
        Stretch("smp_b", 5.0, 6.0, 1.75),
    ]
    assert (first.seconds_of("smp_b"), first.seconds_of("smp_a"), first.seconds_of("smp_c")) == (2.5, 0.25, 0)


def test_the_file_that_holds_most_of_a_recording_is_found(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    make(database, clone_id, 1, ("smp_a", 0.0, 2.0), ("smp_b", 0.0, 9.0))
    make(database, clone_id, 2, ("smp_a", 2.0, 5.0))
    found = files(database, clone_id)
    held = [sent.holding_most(found, sample_id) for sample_id in ("smp_a", "smp_b", "smp_c")]
    assert [each and each.number for each in held] == [2, 1, None]
    assert sent.holding_most((), "smp_a") is None


def test_a_file_and_its_waveform_are_read_by_number(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    make(database, clone_id, 1, ("smp_a", 0.0, 2.0))
    make(database, clone_id, 2, ("smp_a", 0.0, 2.0))
    with database.read() as session:
        assert sent.peaks(session, sent.file(session, MAIN_ACCOUNT, clone_id, 2)) == [[-2, 2]]
        with pytest.raises(NotFound, match="report"):
            sent.file(session, MAIN_ACCOUNT, clone_id, 3)


def test_files_of_strangers_and_of_deleted_clones_are_not_there(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    make(database, clone_id, 1, ("smp_a", 0.0, 2.0))
    with database.write() as session:
        stranger = keys.create_account(session)
    with pytest.raises(CloneNotFound):
        files(database, clone_id, stranger)
    with database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, clone_id)
    with pytest.raises(CloneNotFound):
        files(database, clone_id)
