"""Patience: a window long, earned back by bytes, and used up by nothing but the client's slowness."""

import asyncio

import pytest

from api.intake.pace import PacedStream
from shared.errors import UploadTimeout
from tests.api.intake.uploads import run

WINDOW_S = 0.1


async def slowly(chunks, every_s):
    for chunk in chunks:
        await asyncio.sleep(every_s)
        yield chunk


async def received(stream, *, rate, pause_s=0.0):
    paced = PacedStream(stream, min_rate_bytes_s=rate, window_s=WINDOW_S)
    data = b""
    async for chunk in paced:
        data += chunk
        assert paced.received_bytes == len(data)
        await asyncio.sleep(pause_s)
    return data


def test_a_client_that_is_fast_enough_on_average_may_take_its_time():
    assert run(received(slowly([b"x" * 100] * 10, 0.03), rate=500)) == b"x" * 1000


def test_a_client_below_the_rate_is_given_up():
    with pytest.raises(UploadTimeout, match="below"):
        run(received(slowly([b"x"] * 1000, 0.01), rate=500))


def test_a_client_that_stalls_is_given_up_after_the_window():
    with pytest.raises(UploadTimeout, match="After 3 bytes the upload stalled"):
        run(received(stalled(), rate=10))


async def stalled():
    yield b"xxx"
    await asyncio.sleep(30)
    yield b"y"


def test_a_fast_beginning_buys_no_more_than_the_window():
    with pytest.raises(UploadTimeout):
        run(asyncio.wait_for(received(burst_then_stall(), rate=10), 5))


async def burst_then_stall():
    yield b"x" * 1_000_000
    await asyncio.sleep(30)


def test_time_that_storage_takes_is_not_the_clients():
    assert run(received(slowly([b"x"] * 4, 0.0), rate=100, pause_s=WINDOW_S)) == b"xxxx"


def test_a_rate_of_zero_waits():
    assert run(received(slowly([b"x"] * 2, 2 * WINDOW_S), rate=0)) == b"xx"


def test_what_the_stream_raises_passes_even_when_it_is_a_timeout():
    async def broken():
        yield b"x"
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        run(received(broken(), rate=10))


def test_a_rate_just_below_the_least_is_given_up_after_a_window():
    with pytest.raises(UploadTimeout, match="on average over") as given_up:
        run(received(slowly([b"xxxx"] * 1000, 0.01), rate=500))
    assert int(given_up.value.message.split()[1]) < 100, "a window of it has 40 bytes, and must have 50"


def test_what_came_before_the_window_counts_no_longer():
    async def fast_then_slow():
        yield b"x" * 100_000
        for _ in range(1000):
            await asyncio.sleep(0.01)
            yield b"xxxx"

    with pytest.raises(UploadTimeout) as given_up:
        run(received(fast_then_slow(), rate=500))
    assert int(given_up.value.message.split()[1]) < 100_200


def test_a_stall_is_made_up_for_within_the_window():
    async def uneven():
        for _ in range(6):
            await asyncio.sleep(0.04)
            yield b"x" * 50

    assert len(run(received(uneven(), rate=500))) == 300
