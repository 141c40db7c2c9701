"""Everybody in this process who waits for news of clones, and where those come from.

The rows say what happened and in which order. They are read once for all watchers: at once when the broker tells that
a clone changed, and by one look at all that are watched, every half second while the broker is not well, every few
seconds while it is, for what was not told. While nobody watches there is neither a query nor a connection to the
broker, and who waits holds no thread and no session.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection

from api.live.subscription import Subscription
from api.live.watcher import Watcher
from shared import log
from shared.db.engine import Database
from shared.errors import DatabaseUnavailable, StreamLimitExceeded, StreamsFull
from shared.sightings import Fresh, Sighting, fresh, sightings
from shared.views import CloneView

T = TypeVar("T")
THREADS: Final = 2  # that read for all watchers
_AT_ONCE: Final = 500  # clones of one statement
_NEVER: Final[Any] = object()  # unlike None, which is a clone that is not there
_RETRY_AFTER_S: Final = 10
_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the database is looked at while somebody watches, and how long all of it outlives the last watcher."""

    alone_s: float = 0.5
    beside_broker_s: float = 3.0
    told_s: float = 0.05  # between two readings of what was told: what comes meanwhile is read together
    linger_s: float = 5.0  # a client that waits again and again does not make us connect again and again


@dataclass(frozen=True, slots=True)
class Room:
    """How many may watch at once; 0 is no limit."""

    in_all: int = 1000
    per_key: int = 100


@dataclass(frozen=True, slots=True)
class _Look:
    seen: Mapping[str, Sighting]
    changed: tuple[str, ...]
    news: Mapping[str, Fresh]


class Feed:
    """All watchers of one process. Everything but the reading runs in the event loop."""

    def __init__(
        self, database: Database, broker_url: str, *, room: Room | None = None, pace: Pace | None = None
    ) -> None:
        self._database = database
        self._room = room or Room()
        self._pace = pace or Pace()
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._held: defaultdict[str, int] = defaultdict(int)  # by key
        self._seen: dict[str, Sighting | None] = {}
        self._known: dict[str, int] = {}  # the `seq` up to which lines were handed out
        self._told: set[str] = set()
        self._subscription = Subscription(broker_url, self._hear, self._stir)
        self._is_told = asyncio.Event()
        self._soon = asyncio.Event()  # everything is to be looked at now
        self._turn = asyncio.Lock()  # one reading at a time, so that news come in their order
        self._threads = CapacityLimiter(THREADS)
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._resting: asyncio.TimerHandle | None = None
        self._is_closed = False

    @contextmanager
    def watch(self, key_id: str, clone_id: str) -> Iterator[Watcher]:
        """Watch a clone for the length of the block. Raises: StreamLimitExceeded, StreamsFull."""
        self._check_room(key_id)
        watcher = Watcher(clone_id)
        if self._is_closed:
            watcher.end()
        self._held[key_id] += 1
        self._watchers[clone_id].add(watcher)
        self._begin()
        try:
            yield watcher
        finally:
            self._leave(key_id, watcher)

    async def read(self, question: Callable[[Connection], T]) -> T:
        """Answer one question from the database, in a thread of the feed. Raises: DatabaseUnavailable."""

        def ask() -> T:
            with self._database.glance() as connection:
                return question(connection)

        return await to_thread.run_sync(ask, limiter=self._threads, abandon_on_cancel=True)

    async def view(self, clone_id: str) -> CloneView | None:
        """Return a clone, whoever's it is; None: it is not there. Raises: DatabaseUnavailable."""
        found = await self.read(lambda connection: fresh(connection, {clone_id: None}))
        return found[clone_id].view if clone_id in found else None

    def close(self) -> None:
        """Let every watcher stop, and whoever comes now: this process is about to end."""
        self._is_closed = True
        for watchers in tuple(self._watchers.values()):
            for watcher in tuple(watchers):
                watcher.end()

    @property
    def count(self) -> int:
        """How many watch."""
        return sum(self._held.values())

    @property
    def is_well(self) -> bool:
        """Whether the broker is heard."""
        return self._subscription.is_well

    def _check_room(self, key_id: str) -> None:
        if self._room.per_key and self._held.get(key_id, 0) >= self._room.per_key:
            raise StreamLimitExceeded(
                f"This key holds {self._room.per_key} streams and waiting polls open already. Close one, or ask "
                "without waiting.",
                max_allowed=self._room.per_key,
                retry_after_s=_RETRY_AFTER_S,
            )
        if self._room.in_all and self.count >= self._room.in_all:
            raise StreamsFull(max_allowed=self._room.in_all, retry_after_s=_RETRY_AFTER_S)

    def _begin(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if not self._tasks:
            loop = asyncio.get_running_loop()
            runs = self._subscription.run(), self._look_around(), self._read_what_is_told()
            self._tasks = tuple(loop.create_task(run) for run in runs)

    def _leave(self, key_id: str, watcher: Watcher) -> None:
        watchers = self._watchers[watcher.clone_id]
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[watcher.clone_id]
            self._seen.pop(watcher.clone_id, None)
            self._known.pop(watcher.clone_id, None)
        self._held[key_id] -= 1
        if not self._held[key_id]:
            del self._held[key_id]
        if not self._watchers:
            linger_s = 0.0 if self._is_closed else self._pace.linger_s
            self._resting = asyncio.get_running_loop().call_later(linger_s, self._rest)

    def _rest(self) -> None:
        self._resting = None
        if not self._watchers:
            for task in self._tasks:
                task.cancel()
            self._tasks = ()

    def _hear(self, clones: Mapping[str, int]) -> None:
        """Note what the broker tells of, as far as somebody watches it."""
        watched = self._watchers.keys() & clones.keys()
        if watched:
            self._told |= watched
            self._is_told.set()

    def _stir(self) -> None:
        """Look at once: the subscription began, and may have missed what came before, or it ended."""
        self._soon.set()

    async def _look_around(self) -> None:
        """Look at everything that is watched, again and again, until cancelled."""
        while True:
            self._soon.clear()
            for begin in range(0, len(ids := tuple(self._watchers)), _AT_ONCE):
                await self._look(ids[begin : begin + _AT_ONCE])
            await self._pause()

    async def _pause(self) -> None:
        """Wait for the next look; two are never closer than `alone_s`, whoever asks for one."""
        await asyncio.sleep(self._pace.alone_s)
        if self._watchers and not self._subscription.is_well:
            return
        try:
            async with asyncio.timeout(self._pace.beside_broker_s - self._pace.alone_s):
                await self._soon.wait()
        except TimeoutError:
            return

    async def _read_what_is_told(self) -> None:
        """Read what the broker tells of, until cancelled."""
        while True:
            await self._is_told.wait()
            self._is_told.clear()
            told, self._told = tuple(self._told), set()
            await self._look(told, all_of_it=True)
            await asyncio.sleep(self._pace.told_s)

    async def _look(self, clone_ids: Sequence[str], *, all_of_it: bool = False) -> None:
        """Look at clones and hand out what is new; `all_of_it`: they are known to have changed."""
        try:
            async with self._turn:
                ids = [clone_id for clone_id in clone_ids if clone_id in self._watchers]
                before = {} if all_of_it else {i: self._seen[i] for i in ids if i in self._seen}
                known = {clone_id: self._known.get(clone_id) for clone_id in ids}
                if ids:
                    self._hand_out(await self.read(lambda connection: _look_at(connection, before, known)))
        except DatabaseUnavailable:
            _logger.info("database_unavailable")  # nothing was noted as seen, so the next look finds it
        except Exception:
            # Nothing may end the task that looks: without it those who wait would wait in vain.
            _logger.exception("look_stumbled")

    def _hand_out(self, found: _Look) -> None:
        for clone_id in found.changed:
            if clone_id not in self._watchers:
                continue  # the last one has left meanwhile
            news = found.news.get(clone_id)
            self._seen[clone_id] = found.seen.get(clone_id)
            if news is not None:
                self._known[clone_id] = max(self._known.get(clone_id, 0), news.view.seq)
            for watcher in self._watchers[clone_id]:
                watcher.tell(news)


def _look_at(connection: Connection, before: Mapping[str, Sighting | None], known: Mapping[str, int | None]) -> _Look:
    seen = sightings(connection, tuple(known))
    changed = tuple(clone_id for clone_id in known if before.get(clone_id, _NEVER) != seen.get(clone_id))
    # Read after the sighting: what changes in between is seen to differ by the next one.
    news = fresh(connection, {clone_id: known[clone_id] for clone_id in changed}) if changed else {}
    return _Look(seen, changed, news)
