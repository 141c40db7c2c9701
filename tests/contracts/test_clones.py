"""Clones on every database: quotas that twins cannot pass, accounts that cannot see each other, deletion."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from shared import claims, clones, events, keys, views
from shared.clones import CloneChange
from shared.db.engine import Database
from shared.db.models import Account, ApiKey, Clone, Sample
from shared.errors import CloneLimitExceeded, NotFound
from shared.keys import MAIN_ACCOUNT, create_account
from shared.states import EventType, Stage, Status
from tests.conftest import an_order

NewClone = Callable[..., tuple[str, str]]


def test_a_new_clone_is_processing_with_its_first_event(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()
    with database.read() as session:
        view = views.get(session, MAIN_ACCOUNT, clone_id)
        lines = events.history(session, clone_id)
    assert (view.status, view.progress, view.stage, view.job_id) == (Status.PROCESSING, 0, Stage.VALIDATE, job_id)
    assert view.sample_count == 1
    assert not view.is_terminal
    assert view.eta_s is not None
    assert [(line.seq, line.type) for line in lines] == [(1, EventType.PROCESSING)]


def test_a_foreign_clone_is_not_there(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    with database.write() as session:
        stranger = create_account(session)
    questions: list[Callable[..., object]] = [
        lambda s: views.get(s, stranger, clone_id),
        lambda s: views.samples(s, stranger, clone_id),
        lambda s: clones.delete(s, stranger, clone_id),
        lambda s: clones.change(s, stranger, clone_id, CloneChange(name="mine")),
    ]
    for question in questions:
        with pytest.raises(NotFound), database.write() as session:
            question(session)


def test_a_change_leaves_the_rest_alone(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    with database.write() as session:
        clones.change(session, MAIN_ACCOUNT, clone_id, CloneChange(description="warm"))
    with database.read() as session:
        view = views.get(session, MAIN_ACCOUNT, clone_id)
    assert (view.name, view.description, view.is_active) == ("Anna", "warm", True)


def test_the_account_holds_no_more_than_its_limit(database: Database, new_clone: NewClone) -> None:
    for _ in range(2):
        new_clone(max_clones=2)
    with pytest.raises(CloneLimitExceeded) as refused:
        new_clone(max_clones=2)
    assert dict(refused.value.details) == {"current_count": 2, "max_allowed": 2}
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Clone)) == 2
        assert session.scalar(select(func.count()).select_from(Sample)) == 2


def test_places_that_an_erasure_holds_are_told_apart_from_those_that_can_be_freed(
    database: Database, new_clone: NewClone
) -> None:
    first, second = new_clone(max_clones=2)[0], new_clone(max_clones=2)[0]
    with database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, first)
    with pytest.raises(CloneLimitExceeded, match="1 of them is deleted and being erased") as refused:
        new_clone(max_clones=2)
    told = {"current_count": 2, "max_allowed": 2, "being_erased": 1, "retry_after_s": 5.0}
    assert dict(refused.value.details) == told
    with pytest.raises(CloneLimitExceeded, match="Delete existing") as lowered, database.read() as session:
        clones.check_slot(session, MAIN_ACCOUNT, 1)
    assert "retry_after_s" not in lowered.value.details, "the clone that is left is one too many by itself"
    with database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, second)
    with pytest.raises(CloneLimitExceeded, match="2 of them are deleted"), database.read() as session:
        clones.check_slot(session, MAIN_ACCOUNT, 2)


def test_an_empty_description_takes_it_away(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    for wish, found in ((CloneChange(description="warm"), "warm"), (CloneChange(description=""), None)):
        with database.write() as session:
            clones.change(session, MAIN_ACCOUNT, clone_id, wish)
            assert views.get(session, MAIN_ACCOUNT, clone_id).description == found


def test_an_account_of_its_own_limit_follows_that(database: Database) -> None:
    with database.write() as session:
        generous = create_account(session, max_clones=3)
        for _ in range(3):
            clones.create(session, an_order(generous), max_clones=1, training_typical_s=1.0)
    with pytest.raises(CloneLimitExceeded), database.read() as session:
        clones.check_slot(session, generous, 1)


def test_twenty_concurrent_creates_at_four_of_five_make_exactly_one(database: Database, new_clone: NewClone) -> None:
    for _ in range(4):
        new_clone(max_clones=5)
    refused: list[CloneLimitExceeded] = []
    start = threading.Barrier(20)

    def race() -> None:
        start.wait()
        try:
            new_clone(max_clones=5)
        except CloneLimitExceeded as error:
            refused.append(error)

    racers = [threading.Thread(target=race) for _ in range(20)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(refused) == 19
    with database.read() as session:
        assert session.get_one(Account, MAIN_ACCOUNT).clones_held == 5
        assert session.scalar(select(func.count()).select_from(Clone)) == 5


def test_a_deleted_clone_is_gone_at_once_and_its_slot_when_it_is_erased(
    database: Database, new_clone: NewClone
) -> None:
    clone_id, _ = new_clone()
    with database.write() as session:
        erase_id = clones.delete(session, MAIN_ACCOUNT, clone_id)
    with pytest.raises(NotFound), database.read() as session:
        views.get(session, MAIN_ACCOUNT, clone_id)
    with database.read() as session:
        assert views.page(session, MAIN_ACCOUNT, limit=10, offset=0).total == 0
        assert session.get_one(Account, MAIN_ACCOUNT).clones_held == 1
    with database.write() as session:
        claim = claims.take(session, erase_id, owner="test", lease_s=30)
        assert claim is not None
        claims.finish(session, claim)
    with database.read() as session:
        assert session.get_one(Account, MAIN_ACCOUNT).clones_held == 0
        assert [line.type for line in events.history(session, clone_id)][-1] is EventType.ERASED


def test_deleting_twice_is_not_found(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    with database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, clone_id)
    with pytest.raises(NotFound), database.write() as session:
        clones.delete(session, MAIN_ACCOUNT, clone_id)


def test_pages_are_newest_first(database: Database, new_clone: NewClone) -> None:
    made = [new_clone(name=f"clone {number}")[0] for number in range(5)]
    with database.read() as session:
        first = views.page(session, MAIN_ACCOUNT, limit=3, offset=0)
        second = views.page(session, MAIN_ACCOUNT, limit=3, offset=3)
    assert [view.id for view in (*first.clones, *second.clones)] == made[::-1]
    assert first.total == second.total == 5


def test_a_key_is_known_by_its_digest_and_only_while_it_lives(database: Database) -> None:
    with database.write() as session:
        key = keys.create_key(session, MAIN_ACCOUNT, name="test", scopes=("voice:read",))
    with database.read() as session:
        caller = keys.find_caller(session, key)
        assert caller is not None
        assert (caller.account_id, caller.scopes) == (MAIN_ACCOUNT, frozenset({"voice:read"}))
        assert keys.find_caller(session, key + "x") is None


def test_the_bootstrap_key_is_made_once(database: Database) -> None:
    for _ in range(2):
        keys.ensure_bootstrap(database, "operator-key")
    with database.read() as session:
        assert keys.find_caller(session, "operator-key") is not None


def test_the_operators_key_gains_the_permissions_of_a_newer_version(database: Database) -> None:
    keys.ensure_bootstrap(database, "operator-key")
    with database.write() as session:
        session.execute(update(ApiKey).values(scopes=["voice:read"]))
    keys.ensure_bootstrap(database, "operator-key")
    with database.read() as session:
        caller = keys.find_caller(session, "operator-key")
    assert caller is not None
    assert caller.scopes == frozenset(keys.ALL_SCOPES)
