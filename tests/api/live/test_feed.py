"""What the feed asks of the database and the broker, over a database of each kind."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from sqlalchemy import event

from api.live.feed import Feed, Pace, Room
from shared.db.engine import Database
from shared.doorbell import TIDINGS_CHANNEL, Doorbell
from shared.errors import DatabaseUnavailable, StreamsFull
from shared.events import append
from shared.keys import MAIN_ACCOUNT
from shared.states import EventType
from tests.profiles import TcpBroker
from tests.servers import free_ports

NewClone = Callable[..., tuple[str, str]]
NOWHERE = "redis+socket:///nowhere/broker.sock"
NEVER_S = 3600.0
WITHIN_S = 60.0


@pytest.fixture
def broker() -> Iterator[TcpBroker]:
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        started = TcpBroker(free_ports(1)[0], Path(folder))
        started.start()
        try:
            yield started
        finally:
            started.stop()


def write_line(database: Database, clone_id: str, job_id: str) -> int:
    with database.write() as session:
        return append(
            session, clone_id=clone_id, account_id=MAIN_ACCOUNT, job_id=job_id, kind=EventType.PROGRESS, data={}
        )


def say(broker: TcpBroker, word: bytes) -> None:
    with redis.Redis(port=broker.port, socket_timeout=5) as client:
        client.publish(TIDINGS_CHANNEL, word)


def test_however_many_watch_it_is_one_look_for_all(database: Database, new_clone: NewClone) -> None:
    clones = [new_clone()[0] for _ in range(20)]
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    async def watch() -> tuple[int, int]:
        feed = Feed(database, NOWHERE, pace=Pace(alone_s=0.1))
        with ExitStack() as stack:
            for index in range(200):
                stack.enter_context(feed.watch(f"key_{index % 7}", clones[index % 20]))
            while not asked:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)  # the first look, which finds everything new, lies behind
            asked.clear()
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(1.0)
            while not asked:
                await asyncio.sleep(0.05)
            turns = (asyncio.get_running_loop().time() - began) / 0.1
            return len(asked), int(turns)

    statements, turns = asyncio.run(watch())
    assert 0 < statements <= turns + 1


def test_while_nobody_watches_nothing_is_asked(database: Database, new_clone: NewClone) -> None:
    clone_id, _ = new_clone()
    asked: list[str] = []

    async def watch() -> None:
        feed = Feed(database, NOWHERE, pace=Pace(alone_s=0.01, linger_s=0.0))
        with feed.watch("key", clone_id) as watcher:
            assert await watcher.wait(WITHIN_S)
        await asyncio.sleep(0.1)  # the look that was under way may end
        event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
        await asyncio.sleep(0.3)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(watch())
    assert asked == []


def test_the_broker_makes_it_quick(database: Database, new_clone: NewClone, broker: TcpBroker) -> None:
    """No look is due for an hour: what comes came by the broker's word."""
    clone_id, job_id = new_clone()
    bell = Doorbell(broker.url)

    async def watch() -> list[int]:
        feed = Feed(database, broker.url, pace=Pace(beside_broker_s=NEVER_S))
        found: list[int] = []
        with feed.watch("key", clone_id) as watcher:
            assert await watcher.wait(WITHIN_S)
            while not feed.is_well:
                await asyncio.sleep(0.01)
            await asyncio.sleep(2 * Pace().alone_s)  # the look that the subscription asked for is over
            for _ in range(3):
                seq = await asyncio.to_thread(write_line, database, clone_id, job_id)
                await asyncio.to_thread(bell.publish, {clone_id: seq, "vc_other": 7})
                while not (lines := watcher.lines_after(seq - 1)):
                    assert await watcher.wait(WITHIN_S)
                found += [line.seq for line in lines]
        return found

    assert asyncio.run(watch()) == [2, 3, 4]


def test_what_is_no_news_on_the_channel_is_passed_over(
    database: Database, new_clone: NewClone, broker: TcpBroker
) -> None:
    clone_id, job_id = new_clone()
    bell = Doorbell(broker.url)

    async def watch() -> int:
        feed = Feed(database, broker.url, pace=Pace(beside_broker_s=NEVER_S))
        with feed.watch("key", clone_id) as watcher:
            while not feed.is_well:
                await asyncio.sleep(0.01)
            for word in (b"", b"[]", b"{}", b'{"clones": 3}', b'{"clones": ["x"]}', b"\xff"):
                await asyncio.to_thread(say, broker, word)
            seq = await asyncio.to_thread(write_line, database, clone_id, job_id)
            await asyncio.to_thread(bell.publish, {clone_id: seq})
            while watcher.view is None or watcher.view.seq < seq:
                assert await watcher.wait(WITHIN_S)
            return watcher.view.seq

    assert asyncio.run(watch()) == 2


def test_a_database_that_is_away_is_asked_again(database: Database, new_clone: NewClone) -> None:
    clone_id, job_id = new_clone()

    async def watch() -> None:
        feed = Feed(database, NOWHERE, pace=Pace(alone_s=0.01))
        with feed.watch("key", clone_id) as watcher:
            assert await watcher.wait(WITHIN_S)
            failed: list[bool] = []

            def fail(*_call: object) -> None:
                if len(failed) < 3:
                    failed.append(True)
                    raise DatabaseUnavailable

            seq = await asyncio.to_thread(write_line, database, clone_id, job_id)
            event.listen(database.engine, "before_cursor_execute", fail)
            while watcher.view is None or watcher.view.seq < seq:
                assert await watcher.wait(WITHIN_S)

    asyncio.run(watch())


def test_a_process_that_is_full_says_so_and_a_place_that_is_left_is_free(database: Database) -> None:
    async def watch() -> None:
        feed = Feed(database, NOWHERE, room=Room(in_all=1, per_key=0), pace=Pace(linger_s=0.0))
        with feed.watch("key", "vc_a"), pytest.raises(StreamsFull), feed.watch("other", "vc_b"):
            pass
        with feed.watch("other", "vc_b") as watcher:
            assert await watcher.wait(WITHIN_S)
            assert watcher.is_gone
            feed.close()
            assert watcher.is_over
        with feed.watch("other", "vc_b") as late:
            assert late.is_over

    asyncio.run(watch())
