"""What was said to vendors and what they answered, kept with the job: enough to argue with their support.

Recordings, keys and anything long never enter: an answer is cut, and what looks like a secret or like encoded sound is
replaced. Adapters do not know of it; the wire writes down each exchange for whoever keeps a journal in this thread.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

ANSWER_CHARS: Final = 4000
LOOK_CHARS: Final = 500  # of a good answer to a mere look: a training is looked at for hours
_KEPT: ContextVar[list["Exchange"] | None] = ContextVar("exchanges", default=None)

# Encoded sound, pictures and tokens are long runs without a space; no word that a person should read is.
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9+/_=-]{120,}")
_SECRET_FIELD: Final = re.compile(
    r'("(?:[a-z_]*(?:api_?key|token|secret|password|authorization)[a-z_]*)"\s*:\s*)"[^"]*(?:"|\Z)', re.IGNORECASE
)
_SIGNED_ADDRESS: Final = re.compile(r'(https?://[^\s"?]+)\?[^\s"]+')


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call at a vendor. `status` is None where no answer came, and then `failure` says why."""

    vendor: str
    method: str
    path: str
    status: int | None
    took_ms: int
    request_id: str | None
    answer: str
    failure: str | None


@contextmanager
def kept() -> Iterator[list[Exchange]]:
    """Collect every exchange of this thread while the block runs."""
    exchanges: list[Exchange] = []
    token = _KEPT.set(exchanges)
    try:
        yield exchanges
    finally:
        _KEPT.reset(token)


def note(exchange: Exchange) -> None:
    """Write an exchange down, if anybody keeps a journal."""
    exchanges = _KEPT.get()
    if exchanges is not None:
        exchanges.append(exchange)


def redacted(body: bytes, secrets: tuple[str, ...] = (), *, chars: int = ANSWER_CHARS) -> str:
    """Return an answer as it may be kept: readable, short, and without secrets or sound."""
    for secret in filter(None, secrets):  # before anything is cut: half a secret would not be known for one
        body = body.replace(secret.encode(), "…".encode())
    text = body[: 4 * ANSWER_CHARS].decode("utf-8", errors="replace")
    text = _SECRET_FIELD.sub(r'\1"…"', text)
    text = _SIGNED_ADDRESS.sub(r"\1?…", text)
    text = _LONG_RUN.sub(lambda run: f"…{len(run[0])} characters…", text)
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)[:chars]
