"""What a stage is given, and that a run which comes to nothing leaves nothing in storage."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from shared import claims, clones
from shared.claims import Claim
from shared.db.models import Job
from shared.errors import ClaimLost, DatabaseUnavailable, ServiceError
from shared.keys import MAIN_ACCOUNT
from shared.states import Stage
from shared.vendors import meter
from shared.vendors.protocol import SampleFile, Vendor
from tests.worker.conftest import Workshop
from worker.task import HandedBack, Task


def take(workshop: Workshop, at: Stage = Stage.VALIDATE) -> Claim:
    _, job_id = workshop.order(at=at)
    with workshop.database.write() as session:
        claim = claims.take(session, job_id, owner="test", lease_s=30.0)
    assert claim is not None
    return claim


def run_and_store(workshop: Workshop, claim: Claim, tmp_path: Path, error: Exception | None) -> list[str]:
    """Store a file in a run that ends with `error`; return what is left beside the original."""
    made = tmp_path / "made.flac"
    made.write_bytes(b"prepared")

    def run() -> None:
        with workshop.bench.heart.hold(claim) as hold, Task.open(workshop.bench, claim, hold, tmp_path) as task:
            task.store("samples/2026-11-20/acc_main/vc_x/prepared/9-1.flac", made, "audio/flac")
            if error is not None:
                raise error

    if error is None:
        run()
    else:
        with pytest.raises(type(error)):
            run()
    return [stored.key for stored in workshop.bench.services.storage.list("samples/2026-11-20/acc_main/vc_x/")]


@pytest.mark.parametrize("error", [ClaimLost(), HandedBack(), ServiceError(), RuntimeError("a bug")])
def test_a_run_that_comes_to_nothing_takes_back_what_it_stored(
    workshop: Workshop, tmp_path: Path, error: Exception
) -> None:
    assert run_and_store(workshop, take(workshop), tmp_path, error) == []


def test_what_a_commit_of_unknown_outcome_may_name_stays(workshop: Workshop, tmp_path: Path) -> None:
    assert len(run_and_store(workshop, take(workshop), tmp_path, DatabaseUnavailable())) == 1


def test_a_run_that_ended_well_keeps_what_it_stored(workshop: Workshop, tmp_path: Path) -> None:
    assert len(run_and_store(workshop, take(workshop), tmp_path, None)) == 1


def test_a_run_whose_clone_was_deleted_stores_nothing(workshop: Workshop, tmp_path: Path) -> None:
    claim = take(workshop)
    with workshop.database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, claim.clone_id)
    assert run_and_store(workshop, claim, tmp_path, ClaimLost()) == []


def a_file_that_leaves(workshop: Workshop, claim: Claim, tmp_path: Path, before: Callable[[Task], None]) -> None:
    """Send 100 kB in a call; `before` is done when half of it has left."""
    path = tmp_path / "sent.flac"
    path.write_bytes(bytes(100_000))
    sent = [SampleFile(path, "sent.flac", "audio/flac", 8.0, cleaned=False)]

    def send(_: Vendor) -> None:
        with meter.opened(path) as leaving:
            leaving.read(50_000)
            before(task)
            leaving.read(50_000)

    with workshop.bench.heart.hold(claim) as hold, Task.open(workshop.bench, claim, hold, tmp_path) as task:
        task.ask(send, sending=sent)


def test_the_progress_follows_what_leaves_for_the_vendor(workshop: Workshop, tmp_path: Path) -> None:
    claim = take(workshop, Stage.SUBMIT)
    seen: list[int] = []
    a_file_that_leaves(workshop, claim, tmp_path, lambda _: seen.append(workshop.job(claim.job_id).progress))
    assert seen == [44]  # of 40 to 50, of which the answer is the last


def test_nothing_ends_a_call_that_is_under_way(workshop: Workshop, tmp_path: Path) -> None:
    claim = take(workshop, Stage.SUBMIT)

    def lose(task: Task) -> None:
        with workshop.database.write() as session:
            session.execute(update(Job).where(Job.id == claim.job_id).values(fence=Job.fence + 1))
        workshop.bench.stopping.set()
        task._shown_at_s = float("-inf")  # the next byte is shown

    a_file_that_leaves(workshop, claim, tmp_path, lose)
    assert workshop.job(claim.job_id).progress == 44
