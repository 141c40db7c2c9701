"""How many requests a minute: per key, per account, and wrong keys per client address. What clients are told of it.

Counted in this process's memory, in fixed windows of a minute: a request waits for no broker and no database to be
counted, and every API process counts for itself. Refused requests do not lengthen the wait. What is told follows
draft-ietf-httpapi-ratelimit-headers-09 (2025-03) and, beside it, the `X-RateLimit-*` of Buena's API, whose reset is a
time in seconds since 1970.
"""

import hashlib
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import RateLimited
from shared.keys import Caller
from shared.settings import Settings

WRONG_KEYS_PER_MINUTE: Final = 60
_WINDOW_S: Final = 60
_KNOWN_KEYS: Final = 10_000
_IPV6_SITE_BITS: Final = 64  # what one customer has at the least
_TOLD: Final = "clonepipe.limits"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of one policy: `limit` requests in a window that ends at `resets_at_s` (seconds since 1970)."""

    policy: str
    limit: int
    remaining: int
    resets_at_s: float

    @property
    def wait_s(self) -> int:
        return max(1, math.ceil(self.resets_at_s - time.time()))


class RequestLimits:
    """The counters of one API process. Safe to use from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._windows = FixedWindowRateLimiter(MemoryStorage())
        self._per_key = _policy(settings.requests_per_minute_per_key)
        self._per_account = _policy(settings.requests_per_minute_per_account)
        self._wrong_keys = RateLimitItemPerMinute(WRONG_KEYS_PER_MINUTE)
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._known_lock = threading.Lock()

    def count(self, request: Request, caller: Caller) -> None:
        """Count a request whose key is known, and see to it that its answer tells what is left. Raises: RateLimited."""
        found = []
        for policy, item, name in (
            ("key", self._per_key, caller.key_id),
            ("account", self._per_account, caller.account_id),
        ):
            if item is None:
                continue
            passed = self._windows.hit(item, policy, name)
            allowance = self._allowance(policy, item, name)
            found.append(allowance)
            if not passed:
                _tell(request, found)
                raise _limited(f"{allowance.limit} requests a minute for one {policy}", allowance)
        _tell(request, found)

    def check_address(self, request: Request, key: str) -> None:
        """Refuse an address that tried too many wrong keys, unless this key is one that was right before.

        Without that exception, everybody behind one proxy could be locked out by one of them. Raises: RateLimited.
        """
        address = _address(request)
        if self._windows.test(self._wrong_keys, "address", address):
            return
        with self._known_lock:
            if _digest(key) in self._known:
                return
        allowance = self._allowance("address", self._wrong_keys, address)
        raise _limited(f"{allowance.limit} wrong API keys a minute from one address", allowance)

    def count_wrong_key(self, request: Request) -> None:
        """Remember that this client's address presented a key that is not known."""
        self._windows.hit(self._wrong_keys, "address", _address(request))

    def remember(self, key: str) -> None:
        """Note that a key is right; the newest of them are kept, as digests."""
        digest = _digest(key)
        with self._known_lock:
            self._known[digest] = None
            self._known.move_to_end(digest)
            if len(self._known) > _KNOWN_KEYS:
                self._known.popitem(last=False)

    def _allowance(self, policy: str, item: RateLimitItem, name: str) -> Allowance:
        window = self._windows.get_window_stats(item, policy, name)
        return Allowance(policy, item.amount, max(0, window.remaining), window.reset_time)


class RateLimitHeaders:
    """Middleware that writes what a request's key has left into its answer, refusals included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told: list[tuple[bytes, bytes]] = []
        scope[_TOLD] = told

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start" and told:
                message = {**message, "headers": [*message["headers"], *told]}
            await send(message)

        await self._app(scope, receive, send_told)


def _policy(per_minute: int) -> RateLimitItem | None:
    return RateLimitItemPerMinute(per_minute) if per_minute else None


def _tell(request: Request, found: list[Allowance]) -> None:
    """Hand the headers to the middleware; `X-RateLimit-*` knows one policy only and gets the one that ends first."""
    told: list[tuple[bytes, bytes]] | None = request.scope.get(_TOLD)
    if not found or told is None:
        return
    nearest = min(found, key=lambda allowance: allowance.remaining)
    headers = {
        "ratelimit-policy": ", ".join(f'"{one.policy}";q={one.limit};w={_WINDOW_S}' for one in found),
        "ratelimit": ", ".join(f'"{one.policy}";r={one.remaining};t={one.wait_s}' for one in found),
        "x-ratelimit-limit": str(nearest.limit),
        "x-ratelimit-remaining": str(nearest.remaining),
        "x-ratelimit-reset": str(math.ceil(nearest.resets_at_s)),
    }
    told[:] = [(name.encode(), value.encode()) for name, value in headers.items()]


def _limited(what: str, allowance: Allowance) -> RateLimited:
    return RateLimited(
        f"Too many requests: at most {what}. Wait {allowance.wait_s} s.",
        retry_after_s=allowance.wait_s,
        limit=allowance.limit,
        window_s=_WINDOW_S,
        policy=allowance.policy,
    )


def _address(request: Request) -> str:
    """Return what a client is counted by: its address, of IPv6 the site's part."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False))
    return host


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
