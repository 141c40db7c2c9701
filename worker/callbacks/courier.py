"""The courier: takes endpoints that are to be told something, and serves all their lines on one event loop.

A ring is only handed over here; a receiver that hangs costs a coroutine and no slot of the worker. What the database
is asked runs on a few threads beside the loop.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy.orm import Session

from shared import log
from shared.errors import ClaimLost, DatabaseUnavailable
from shared.services import Services
from shared.webhooks import lines
from shared.webhooks.lines import Line
from shared.webhooks.schedule import Patience
from worker.callbacks.attempt import Sender
from worker.callbacks.round import Post, Round

_DATABASE_THREADS: Final = 4
_MOST_FLIGHTS: Final = 400  # of all lines together: each is a socket
_LET_FLY_S: Final = 5.0  # what is under way when the worker stops is waited for so long

T = TypeVar("T")
_logger = log.get(__name__)


class Courier:
    """Delivers for one worker process, from `start` to `close`. `sender` goes to the receivers; its default is ours."""

    def __init__(self, services: Services, *, sender: Sender | None = None) -> None:
        self._services = services
        self._sender = sender or Sender(allow_private=services.settings.allow_private_webhooks)
        self._lease_s = services.settings.lease_s
        self._loop = asyncio.new_event_loop()
        self._threads = ThreadPoolExecutor(_DATABASE_THREADS, thread_name_prefix="courier-database")
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._wakes: dict[str, asyncio.Event] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._flights = asyncio.Semaphore(_MOST_FLIGHTS)
        self._is_stopping = asyncio.Event()

    def start(self) -> None:
        """Begin to serve; until then nothing is taken."""
        if self._services.settings.allow_private_webhooks:
            _logger.warning("private_webhooks_allowed", setting="CLONEPIPE_ALLOW_PRIVATE_WEBHOOKS")
        self._thread.start()

    def take(self, endpoint_id: str) -> None:
        """Have an endpoint's line served; return at once. One that is being served is looked at again."""
        self._loop.call_soon_threadsafe(self._begin, endpoint_id)

    def close(self) -> None:
        """Let what is under way arrive, for a moment, let go of every line, and end."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._threads.shutdown()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _begin(self, endpoint_id: str) -> None:
        if self._is_stopping.is_set():
            return
        if endpoint_id in self._wakes:
            self._wakes[endpoint_id].set()
            return
        self._wakes[endpoint_id] = asyncio.Event()
        task = self._loop.create_task(self._serve(endpoint_id))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, endpoint_id: str) -> None:
        """Go round after round as long as the line has something due."""
        try:
            while (line := await self._claim(endpoint_id)) is not None:
                if not await Round(self._post(endpoint_id), line).run():
                    break
        except ClaimLost:
            _logger.warning("line_lost", endpoint=endpoint_id)
        except DatabaseUnavailable:
            _logger.warning("database_unavailable")  # the lease runs out, and the line is announced again
        except Exception:
            _logger.exception("line_stumbled", endpoint=endpoint_id)
        finally:
            del self._wakes[endpoint_id]

    async def _claim(self, endpoint_id: str) -> Line | None:
        self._wakes[endpoint_id].clear()
        if self._is_stopping.is_set():
            return None
        return await self.write(lambda session: lines.claim(session, endpoint_id, lease_s=self._lease_s))

    def _post(self, endpoint_id: str) -> Post:
        return Post(
            write=self.write,
            vault=self._services.vault,
            sender=self._sender,
            patience=Patience(self._services.settings.webhook_time_scale),
            lease_s=self._lease_s,
            flights=self._flights,
            rung=self._wakes[endpoint_id],
            stopping=self._is_stopping,
        )

    async def write(self, change: Callable[[Session], T]) -> T:
        """Do something in one transaction. Raises: DatabaseUnavailable, what `change` raises."""

        def done() -> T:
            with self._services.database.write() as session:
                return change(session)

        return await self._loop.run_in_executor(self._threads, done)

    async def _stop(self) -> None:
        self._is_stopping.set()
        for wake in self._wakes.values():
            wake.set()
        serving = set(self._serving)
        if serving:
            _, late = await asyncio.wait(serving, timeout=_LET_FLY_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._sender.__aexit__(None, None, None)
