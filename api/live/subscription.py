"""News from the broker: what other processes have just committed, heard at once where the broker is well.

A hint and no more: whoever must not miss anything reads the rows. Every socket has a timeout and a silence of the
broker is asked about, because one that is frozen keeps its connections open.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import log
from shared.doorbell import SOCKET_TIMEOUT_S, TIDINGS_CHANNEL, redis_url

_ASK_AFTER_S: Final = 1.0  # of silence; a broker that does not answer for as long again counts as gone
_FIRST_PAUSE_S: Final = 0.25  # doubling
_LONGEST_PAUSE_S: Final = 5.0
_logger = log.get(__name__)

Heard = Callable[[Mapping[str, int]], None]


class Subscription:
    """One subscription of this process. `is_well` while the broker is known to answer."""

    def __init__(self, broker_url: str, heard: Heard, changed: Callable[[], None]) -> None:
        """`heard` is told which clones changed, `changed` that `is_well` did; both must return at once."""
        self._url = redis_url(broker_url)
        self._heard = heard
        self._changed = changed
        self.is_well = False

    async def run(self) -> None:
        """Listen until cancelled, connecting anew after ever longer pauses."""
        pause_s = _FIRST_PAUSE_S
        while True:
            was_well = False
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                was_well = self.is_well
                if was_well:
                    _logger.warning("broker_unavailable", cause=type(error).__name__)
            finally:
                self._note(is_well=False)
            pause_s = _FIRST_PAUSE_S if was_well else min(pause_s * 2, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _listen(self) -> None:
        broker = Redis.from_url(
            self._url, socket_timeout=SOCKET_TIMEOUT_S, socket_connect_timeout=SOCKET_TIMEOUT_S, retry=None
        )
        channel = broker.pubsub()
        try:
            await channel.subscribe(TIDINGS_CHANNEL)
            is_owed = False
            while True:
                message = await channel.get_message(timeout=_ASK_AFTER_S)
                if message is None and is_owed:
                    raise TimeoutError
                is_owed = message is None
                if message is None:
                    await channel.ping()
                    continue
                self._note(is_well=True)
                if message["type"] == "message":
                    self._tell(message["data"])
        finally:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await channel.aclose()  # type: ignore[no-untyped-call]
                await broker.aclose()

    def _note(self, *, is_well: bool) -> None:
        if is_well != self.is_well:
            self.is_well = is_well
            self._changed()

    def _tell(self, data: Any) -> None:
        with contextlib.suppress(ValueError, TypeError, AttributeError):  # not ours, or of another version
            self._heard(json.loads(data)["clones"])
