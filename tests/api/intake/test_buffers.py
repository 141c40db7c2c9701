"""The pool hands out no more than it has, in the order of asking, and loses nothing to those who leave."""

import asyncio

import anyio
import pytest

from api.intake.buffers import BufferPool
from shared.errors import StorageUnavailable
from shared.storage.protocol import PART_BYTES
from tests.api.intake.uploads import run


def test_a_buffer_holds_one_part_and_is_used_again():
    async def use():
        pool = BufferPool(2)
        first = await pool.acquire()
        assert len(first) == PART_BYTES
        pool.release(first)
        assert await pool.acquire() is first

    run(use())


def test_whoever_asked_first_gets_the_next_buffer():
    async def use():
        pool = BufferPool(1, 10)
        order = []

        async def ask(number):
            buffer = await pool.acquire()
            order.append(number)
            await anyio.sleep(0)
            pool.release(buffer)

        buffer = await pool.acquire()
        tasks = [asyncio.create_task(ask(number)) for number in range(20)]
        await anyio.wait_all_tasks_blocked()
        assert order == []
        pool.release(buffer)
        await asyncio.gather(*tasks)
        assert order == list(range(20))

    run(use())


@pytest.mark.parametrize("by_scope", [True, False], ids=["anyio", "asyncio"])
def test_a_request_that_is_cancelled_while_it_waits_takes_nothing_along(by_scope):
    async def use():
        pool = BufferPool(1, 10)
        buffer = await pool.acquire()
        scope = anyio.CancelScope()

        async def ask():
            with scope:
                await pool.acquire()

        leaver = asyncio.create_task(ask())
        stayer = asyncio.create_task(pool.acquire())
        await anyio.wait_all_tasks_blocked()
        if by_scope:
            scope.cancel()
        else:
            leaver.cancel()
        pool.release(buffer)  # in the same moment
        await asyncio.wait([leaver])
        assert await stayer is buffer

    run(use())


def test_waiting_ends_with_an_error_that_may_be_tried_again():
    async def use():
        pool = BufferPool(1, 10, max_wait_s=0.02)
        buffer = await pool.acquire()
        with pytest.raises(StorageUnavailable, match="Too many uploads"):
            await pool.acquire()
        pool.release(buffer)
        assert await pool.acquire() is buffer

    run(use())


def test_one_owner_has_at_most_three_quarters_and_another_is_served_at_once():
    async def use():
        pool = BufferPool(8, 10)
        held = [await pool.acquire("anna") for _ in range(6)]
        waiting = [asyncio.create_task(pool.acquire("anna")) for _ in range(20)]
        await anyio.wait_all_tasks_blocked()
        assert not any(task.done() for task in waiting)
        others = [await asyncio.wait_for(pool.acquire("berta"), 1) for _ in range(2)]
        pool.release(others.pop())
        await anyio.wait_all_tasks_blocked()
        assert not any(task.done() for task in waiting), "what others give back is not for who has a full share"
        pool.release(held.pop())
        assert await waiting[0] is not None
        for task in waiting[1:]:
            task.cancel()
        await asyncio.wait(waiting)

    run(use())


def test_a_share_is_whole_again_after_waiting_in_vain_and_after_leaving():
    async def use():
        pool = BufferPool(4, 10, max_wait_s=0.02)
        for _ in range(5):
            held = [await pool.acquire("anna") for _ in range(3)]
            with pytest.raises(StorageUnavailable):
                await pool.acquire("anna")
            nobodys = await pool.acquire()
            with pytest.raises(StorageUnavailable):  # has a share, but the pool is empty
                await pool.acquire("berta")
            for buffer in (*held, nobodys):
                pool.release(buffer)
        assert pool._shares == {}
        assert pool._owners == {}

    run(use())


def test_a_pool_of_one_is_anybodys():
    async def use():
        pool = BufferPool(1, 10)
        for owner in ("anna", "berta", None):
            pool.release(await asyncio.wait_for(pool.acquire(owner), 1))

    run(use())
