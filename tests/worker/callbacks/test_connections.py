"""Connections between deliveries: used again where that is safe, dialled anew where the receiver had closed them."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.shared.webhooks.resolver import run
from tests.worker.callbacks.receivers import Call, Receiver, Script, answering, receiver
from worker.callbacks.attempt import Sender

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HEADERS = {"webhook-id": "msg_1", "content-type": "application/json"}
BODY = b'{"type":"voice_clone.ready"}'


async def _says_nothing(call: Call) -> None:
    await call.request()
    await call.reader.read()


def several(script: Script, act: Callable[[Sender, Receiver], Awaitable[None]]) -> Receiver:
    async def go() -> Receiver:
        async with receiver(script) as to, Sender(allow_private=True) as sender:
            await act(sender, to)
            return to

    return run(go())


async def _thrice(sender: Sender, to: Receiver) -> None:
    for _ in range(3):
        found = await sender.attempt(to.url, HEADERS, BODY)
        assert found.is_success, found


def test_a_connection_is_used_again() -> None:
    assert several(answering(OK), _thrice).connections == 1


def test_a_connection_that_was_closed_while_it_rested_is_dialled_anew() -> None:
    async def script(call: Call) -> None:
        await call.request()
        await call.say(OK)

    assert several(script, _thrice).connections == 3


def test_a_connection_that_is_closed_by_the_next_request_is_dialled_anew_once() -> None:
    received: list[int] = []

    async def script(call: Call) -> None:
        await call.request()
        received.append(call.number)
        await call.say(OK)
        await call.request()  # and is gone without a word, as a server whose patience ended in that moment

    assert several(script, _thrice).connections == 3
    assert received == [1, 2, 3]


def test_only_once_and_only_when_nothing_was_answered() -> None:
    async def answers_the_first(call: Call) -> None:
        await call.request()
        if call.number == 1:
            await call.say(OK)
            await call.request()

    async def half(call: Call) -> None:
        await call.request()
        await call.say(OK)
        await call.request()
        await call.say(b"HTTP/1.1 2")

    async def then_cut(sender: Sender, to: Receiver) -> None:
        assert (await sender.attempt(to.url, HEADERS, BODY)).is_success
        assert (await sender.attempt(to.url, HEADERS, BODY)).failure == "cut"

    assert several(answers_the_first, then_cut).connections == 2
    assert several(half, then_cut).connections == 1


def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_ones() -> None:
    async def script(call: Call) -> None:
        while (await call.request())[0]:
            await call.say(OK if call.number > 1 else OK + b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")

    async def twice(sender: Sender, to: Receiver) -> None:
        assert (await sender.attempt(to.url, HEADERS, BODY)).is_success
        await asyncio.sleep(0.05)
        assert (await sender.attempt(to.url, HEADERS, BODY)).is_success

    several(script, twice)


def test_one_that_hangs_holds_up_nobody() -> None:
    async def go() -> None:
        async with (
            receiver(_says_nothing) as slow,
            receiver(answering(OK)) as quick,
            Sender(allow_private=True) as sender,
        ):
            hanging = [asyncio.create_task(sender.attempt(slow.url, HEADERS, BODY)) for _ in range(50)]
            found = await asyncio.gather(*(sender.attempt(quick.url, HEADERS, BODY) for _ in range(50)))
            assert all(each.is_success for each in found)
            assert not any(task.done() for task in hanging)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    run(go())
