"""The engine's rules, held on every database: one holder, fenced writes, attempts that count deaths and not polls."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import claims, clones, jobs
from shared.claims import Claim
from shared.db.engine import Database
from shared.db.models import Clone, Event, Job
from shared.errors import ClaimLost, ServiceError, VendorUnavailable
from shared.keys import MAIN_ACCOUNT
from shared.states import JobKind, Outcome, Stage, Status, WaitingFor

NewClone = Callable[..., tuple[str, str]]


def take(database: Database, job_id: str, lease_s: float = 30.0) -> Claim | None:
    with database.write() as session:
        return claims.take(session, job_id, owner="test", lease_s=lease_s)


def must_take(database: Database, job_id: str, lease_s: float = 30.0) -> Claim:
    claim = take(database, job_id, lease_s)
    assert claim is not None
    return claim


def job_row(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return session.get_one(Job, job_id)


def test_a_due_job_is_claimed_once(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    assert take(database, job_id) is not None
    assert take(database, job_id) is None


def test_an_unknown_job_is_nobodys(database: Database) -> None:
    assert take(database, "job_never_was") is None


def test_an_expired_lease_is_taken_over_and_the_old_holder_can_write_nothing(
    database: Database, new_clone: NewClone
) -> None:
    _, job_id = new_clone()
    old = must_take(database, job_id, lease_s=0.05)
    time.sleep(0.1)
    new = must_take(database, job_id)
    assert new.fence == old.fence + 1
    changes: list[claims.Change] = [
        lambda s: claims.renew(s, old, 30.0),
        lambda s: claims.note_progress(s, old, 50),
        lambda s: claims.rest(s, old, WaitingFor.VENDOR, 1.0),
        lambda s: claims.hand_back(s, old),
        lambda s: claims.stumble(s, old, ServiceError(), 1.0),
        lambda s: claims.fail(s, old, ServiceError()),
        lambda s: claims.finish(s, old),
        lambda s: claims.advance(s, old, Stage.PREPARE, keep_s=None) and None,
    ]
    for change in changes:
        with pytest.raises(ClaimLost), database.write() as session:
            change(session)
    row = job_row(database, job_id)
    assert (row.fence, row.stage, row.outcome, row.progress) == (new.fence, Stage.VALIDATE, None, 0)


def test_a_lost_claim_takes_its_whole_transaction_with_it(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, clone_id)

    def write_like_a_zombie(session: Session) -> None:
        session.execute(update(Clone).where(Clone.id == clone_id).values(vendor_voice_id="ghost"))
        claims.finish(session, claim, vendor_voice_id="ghost")

    with pytest.raises(ClaimLost), database.write() as session:
        write_like_a_zombie(session)
    with database.read() as session:
        assert session.get_one(Clone, clone_id).vendor_voice_id is None


def test_what_was_handed_back_is_not_renewed_any_more(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        claims.hand_back(session, claim)
    with pytest.raises(ClaimLost), database.write() as session:
        claims.renew(session, claim, 30.0)
    must_take(database, job_id)


def test_a_renewed_lease_is_not_taken_over(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    claim = must_take(database, job_id, lease_s=0.2)
    with database.write() as session:
        claims.renew(session, claim, 30.0)
    time.sleep(0.3)
    assert take(database, job_id) is None


def test_polls_burn_no_attempts(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    for looks in range(1, 6):
        claim = must_take(database, job_id)
        assert (claim.attempt, claim.waits) == (1, looks - 1)
        with database.write() as session:
            claims.rest(session, claim, WaitingFor.VENDOR, 0.0)


def test_deaths_are_counted_until_the_job_is_given_up(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    for attempt in (1, 2, 3):
        claim = must_take(database, job_id, lease_s=0.02)
        assert claim.attempt == attempt
        assert claims.exhausted(claim, max_attempts=3) is None
        time.sleep(0.05)
    last = claims.exhausted(must_take(database, job_id), max_attempts=3)
    assert last is not None
    assert last.code == "WORKER_LOST"


def test_an_error_that_kept_coming_gives_the_job_its_code(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        claims.stumble(session, claim, ServiceError("it broke"), 0.0)
    error = claims.exhausted(must_take(database, job_id), max_attempts=1)
    assert error is not None
    assert (error.code, error.message) == ("INTERNAL_ERROR", "it broke")


def test_a_handed_back_job_is_due_at_once_and_costs_no_attempt(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        claims.hand_back(session, claim)
    assert must_take(database, job_id).attempt == 1


def test_a_resting_job_is_not_claimed_before_its_time(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        claims.rest(session, claim, WaitingFor.RETRY, 0.3, error=VendorUnavailable())
    assert take(database, job_id) is None
    time.sleep(0.35)
    assert must_take(database, job_id).last_error is not None


def test_going_on_keeps_the_job_under_a_new_fence(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        kept = claims.advance(session, claim, Stage.PREPARE, keep_s=30.0)
    assert kept is not None
    assert take(database, job_id) is None
    with pytest.raises(ClaimLost), database.write() as session:
        claims.renew(session, claim, 30.0)
    with database.write() as session:
        claims.renew(session, kept, 30.0)


def test_progress_never_falls(database: Database, new_clone: NewClone) -> None:
    _, job_id = new_clone()
    claim = must_take(database, job_id)
    for percent in (5, 9, 3):
        with database.write() as session:
            claims.note_progress(session, claim, percent)
    assert job_row(database, job_id).progress == 9


def test_a_finished_job_makes_its_clone_ready(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        claims.finish(session, claim, vendor_voice_id="voice")
    with database.read() as session:
        clone = session.get_one(Clone, clone_id)
    assert (clone.status, clone.vendor_voice_id) == (Status.READY, "voice")
    assert take(database, job_id) is None


def test_a_failed_create_says_why_on_the_clone(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        claims.fail(session, claim, VendorUnavailable("gone for good"))
    with database.read() as session:
        clone = session.get_one(Clone, clone_id)
    assert (clone.status, clone.error_code, clone.error_message) == (
        Status.FAILED,
        "VENDOR_UNAVAILABLE",
        "gone for good",
    )


def test_a_clone_has_one_live_job(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    second = jobs.NewJob(jobs.new_job_id(), MAIN_ACCOUNT, clone_id, "sandbox", "default", JobKind.ERASE, Stage.SUBMIT)
    with pytest.raises(IntegrityError), database.write() as session:
        jobs.create(session, second)


def test_events_count_without_gaps_while_many_write(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    for stage in (Stage.PREPARE, Stage.SUBMIT, Stage.TRACK):
        claim = must_take(database, job_id)
        with database.write() as session:
            claims.advance(session, claim, stage, keep_s=None)
    with database.read() as session:
        seqs = session.scalars(select(Event.seq).where(Event.clone_id == clone_id).order_by(Event.seq)).all()
        assert list(seqs) == [1, 2, 3, 4]
        assert session.get_one(Clone, clone_id).seq == 4


def test_deleting_takes_the_job_over(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    claim = must_take(database, job_id)
    with database.write() as session:
        erase_id = clones.delete(session, MAIN_ACCOUNT, clone_id)
    assert job_row(database, job_id).outcome is Outcome.CANCELED
    with pytest.raises(ClaimLost), database.write() as session:
        claims.renew(session, claim, 30.0)
    assert take(database, erase_id) is None, "the holder may be in the middle of storing something"
    with database.write() as session:
        jobs.hasten_removal(session, clone_id)
    erase = must_take(database, erase_id)
    assert (erase.kind, erase.stage) == (JobKind.ERASE, Stage.SUBMIT)


def test_an_erasure_waits_for_a_dead_holder_only_as_long_as_its_lease(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    must_take(database, job_id, lease_s=0.3)
    with database.write() as session:
        erase_id = clones.delete(session, MAIN_ACCOUNT, clone_id)
    assert take(database, erase_id) is None
    time.sleep(0.4)
    assert take(database, erase_id) is not None


def _claim_all(url: str, job_ids: list[str], results: "multiprocessing.Queue[list[str]]") -> None:
    database = Database(url)
    mine = []
    for job_id in job_ids:
        with database.write() as session:
            if claims.take(session, job_id, owner="racer", lease_s=30.0) is not None:
                mine.append(job_id)
    results.put(mine)
    database.dispose()


def test_eight_processes_claim_every_job_exactly_once(
    database: Database, database_url: str, new_clone: NewClone
) -> None:
    job_ids = [new_clone()[1] for _ in range(40)]
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[str]] = context.Queue()
    racers = [context.Process(target=_claim_all, args=(database_url, job_ids, results)) for _ in range(8)]
    for racer in racers:
        racer.start()
    won = Counter(job_id for _ in racers for job_id in results.get(timeout=300))
    for racer in racers:
        racer.join(30)
    assert won == Counter(job_ids)
    with database.read() as session:
        assert session.scalar(select(func.sum(Job.attempt))) == len(job_ids)
