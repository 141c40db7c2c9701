"""One call at a vendor over HTTP: a deadline for the whole of it, an answer of bounded size, an error with a meaning.

Nothing is repeated and no redirect is followed here. A vendor's own table of codes decides first, then the status;
free text is shown and never searched. The one question that matters after a failure is whether the vendor may have
acted: a call that creates something and was begun has an unknown outcome, everything else changed nothing.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import httpx

from shared.errors import UnknownOutcome, VendorError, VendorProtocol, VendorUnavailable
from shared.vendors import journal, meter
from shared.vendors.answer import Answer, Complaint, ComplaintReader
from shared.vendors.protocol import SampleFile
from shared.vendors.refusals import Meanings, refusal, title_of

MOST_BYTES: Final = 4 * 1024 * 1024
_CONNECT_S: Final = 10.0
_REQUEST_ID_HEADERS: Final = ("request-id", "x-request-id", "trace-id", "cf-ray")


@dataclass(frozen=True, slots=True)
class Wire:
    """The way to one vendor. `headers` hold the key; `secrets` are never kept with an answer."""

    vendor: str
    base_url: str
    headers: Mapping[str, str]
    complaints: ComplaintReader
    meanings: Meanings = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    def ask(
        self,
        method: str,
        path: str,
        *,
        deadline_s: float,
        creates: bool = False,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        form: Sequence[tuple[str, str]] = (),
        files: Sequence[tuple[str, SampleFile]] = (),
        most_bytes: int = MOST_BYTES,
    ) -> Answer:
        """Make one call and return its good answer. `creates`: the vendor may have acted even when no answer came.

        `body` goes as JSON; `form` and `files`, (field, value) each, as multipart/form-data.
        Raises: every VendorError that its meaning may be.
        """
        call = _Call(method, self.base_url.rstrip("/") + path, deadline_s, creates, most_bytes)
        began_s = time.monotonic()
        answer: Answer | None = None
        failure: VendorError | None = None
        try:
            answer = self._exchange(call, params, body, form, files)
            failure = self._refusal(call, answer)
        except VendorError as error:
            failure = error
        is_mere_look = method == "GET" and failure is None
        chars = journal.LOOK_CHARS if is_mere_look else journal.ANSWER_CHARS
        journal.note(
            journal.Exchange(
                vendor=self.vendor, method=method, path=path, status=answer.status if answer else None,
                took_ms=round(1000 * (time.monotonic() - began_s)), request_id=_request_id(answer),
                answer=journal.redacted(answer.body, self.secrets, chars=chars) if answer else "",
                failure=failure.code if failure else None,
            )
        )  # fmt: skip
        if failure is not None:
            raise failure
        assert answer is not None
        return answer

    def _exchange(
        self,
        call: "_Call",
        params: Mapping[str, str] | None,
        body: Any,
        form: Sequence[tuple[str, str]],
        files: Sequence[tuple[str, SampleFile]],
    ) -> Answer:
        with ExitStack() as stack:
            parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in form]
            for name, file in files:
                parts.append((name, (file.filename, stack.enter_context(meter.opened(file.path)), file.content_type)))
            payload = {"json": body} if body is not None else {"files": parts} if parts else {}
            # Only an event loop can end a call that trickles; a loop of its own costs a millisecond.
            return asyncio.run(call.make(self, payload, params))

    def _refusal(self, call: "_Call", answer: Answer) -> VendorError | None:
        complaint = self.complaints(answer)
        if answer.is_good and complaint is None:
            return call.lost(f"{self.title}'s answer broke off.") if answer.was_cut else None
        return refusal(self.vendor, answer, complaint or Complaint(), self.meanings, creates=call.creates)

    @property
    def title(self) -> str:
        return title_of(self.vendor)


@dataclass(slots=True)
class _Call:
    """One call under way; `was_begun` once a byte of the request may have left."""

    method: str
    url: str
    deadline_s: float
    creates: bool
    most_bytes: int
    was_begun: bool = False

    async def make(self, wire: Wire, payload: Mapping[str, Any], params: Mapping[str, str] | None) -> Answer:
        timeout = httpx.Timeout(self.deadline_s, connect=min(_CONNECT_S, self.deadline_s))
        try:
            async with (
                asyncio.timeout(self.deadline_s),
                httpx.AsyncClient(timeout=timeout, verify=_trust(), headers=dict(wire.headers)) as client,
                client.stream(
                    self.method, self.url, params=params, extensions={"trace": self._watch}, **payload
                ) as response,
            ):
                return await self._read(response, wire)
        except TimeoutError:
            raise self.lost(f"{wire.title} did not answer within {self.deadline_s:g} s.") from None
        except (httpx.LocalProtocolError, httpx.InvalidURL, httpx.UnsupportedProtocol):
            # What cannot be put on the wire was refused on this side; its own words may quote the key.
            prefix = f"CLONEPIPE_{wire.vendor.upper()}"
            raise VendorUnavailable(
                f"{wire.title} cannot be called with what is set for it: see {prefix}_API_KEY and {prefix}_BASE_URL. "
                "Nothing was sent."
            ) from None
        except (httpx.TransportError, OSError) as error:
            raise self.lost(f"{wire.title} could not be spoken to ({type(error).__name__}).") from error
        except httpx.HTTPError as error:  # an encoding that cannot be undone
            raise VendorProtocol(f"{wire.title}'s answer cannot be read ({type(error).__name__}).") from error

    async def _watch(self, event: str, _: Mapping[str, Any]) -> None:
        self.was_begun = self.was_begun or event.endswith("send_request_headers.started")

    async def _read(self, response: httpx.Response, wire: Wire) -> Answer:
        body = bytearray()
        was_cut = False
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self.most_bytes:
                    raise VendorProtocol(f"{wire.title} answered more than {self.most_bytes:,} bytes.")
        except httpx.TransportError:
            was_cut = True
        return Answer(response.status_code, response.headers, bytes(body), was_cut)

    def lost(self, message: str) -> VendorError:
        """Return what a call without an answer means."""
        if self.creates and self.was_begun:
            return UnknownOutcome(f"{message} Whether it acted is being found out.")
        return VendorUnavailable(message)


@cache
def _trust() -> ssl.SSLContext:
    """Read the trusted authorities once: it takes 20 ms of every call otherwise."""
    return httpx.create_ssl_context()


def _request_id(answer: Answer | None) -> str | None:
    found = (answer.headers.get(name) for name in _REQUEST_ID_HEADERS) if answer else ()
    return next((value[:100] for value in found if value), None)
