"""Where a webhook may go: the rules of its URL, and the vetted addresses of its host.

The same reading of a URL serves the door that takes it and the worker that sends to it, so that no spelling means one
thing here and another there. Sending dials only what `resolve` returned: a name that changes its mind between a look
and a connection has no effect.
"""

import asyncio
import re
import socket
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final, NoReturn
from urllib.parse import SplitResult, quote, urlsplit

import idna

from shared.errors import WebhookUrlRefused
from shared.webhooks import lookups
from shared.webhooks.addresses import refusal_of, vetted

__all__ = [
    "Destination",
    "DestinationUnreachable",
    "check_destination",
    "check_url",
    "destination_of",
    "refusal_of",
    "resolve",
    "vetted",
]

MOST_CHARS: Final = 2048
# 8443 is the customary port of TLS where 443 cannot be bound. With TLS, a checked certificate and public addresses
# only, two ports are of no use for knocking at doors; every port would be.
_PORTS: Final = (443, 8443)
_DEFAULT_PORT: Final = {"https": 443, "http": 80}
_NOT_WRITTEN: Final = re.compile(r"[\x00-\x20\x7f\\]|\s")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_IN_A_TARGET: Final = "%/:?#[]@!$&'()*+,;=~-._"


class DestinationUnreachable(Exception):
    """A host's addresses could not be found out; it may be possible later. Its text is for the webhook's owner."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A webhook's URL as it is dialled. `host` is ASCII: a name in lower case, or an address without brackets."""

    scheme: str
    host: str
    port: int
    target: str  # path and query

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"


def check_url(url: str, *, allow_private: bool) -> None:
    """Refuse a URL that no webhook may have, without asking anybody.

    Raises: WebhookUrlRefused, whose message names the rule and what to do.
    """
    destination_of(url, allow_private=allow_private)


def destination_of(url: str, *, allow_private: bool) -> Destination:
    """Return what a URL leads to, by the rules of `check_url`.

    Raises: WebhookUrlRefused.
    """
    if len(url) > MOST_CHARS:
        _refuse(f"it has more than {MOST_CHARS:,} characters. Use a shorter one.")
    if _NOT_WRITTEN.search(url):
        _refuse("it contains a space, a backslash or a control character. Percent-encode it.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        _refuse("its host or port cannot be read. Write it as https://host/path.")
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes:
        _refuse(f"it must begin with {' or '.join(f'{one}://' for one in schemes)}.")
    if "@" in parts.netloc:
        _refuse("it contains a user name or password. Deliveries are signed instead; leave these out.")
    if "#" in url:
        _refuse("it has a fragment (#…), which is never sent. Leave it out.")
    if not host:
        _refuse("it names no host. Write it as https://host/path.")
    return Destination(
        scheme=parts.scheme,
        host=_host(host, "[" in parts.netloc, allow_private),
        port=_port(parts.scheme, port, allow_private),
        target=_target(parts),
    )


async def resolve(host: str, port: int, *, allow_private: bool) -> tuple[str, ...]:
    """Return every address of a host, each vetted, in the resolver's order; the caller's deadline bounds it.

    Raises: WebhookUrlRefused when any of them may not be sent to; DestinationUnreachable when none is found.
    """
    literal = _literal(host)
    if literal is not None:
        vetted((literal,), allow_private=allow_private)
        return (literal,)
    try:
        found = await asyncio.wrap_future(lookups.ask(host, port))
    except (OSError, UnicodeError) as error:
        raise _not_found(host, error) from error
    return _usable(host, found, allow_private)


def check_destination(url: str, *, allow_private: bool, deadline_s: float = 5.0) -> None:
    """Refuse a URL that cannot be sent to as things are now: its form, its host's addresses. Blocks to the deadline.

    Raises: WebhookUrlRefused, also when the host cannot be found: a name that is mistyped is noticed at once.
    """
    destination = destination_of(url, allow_private=allow_private)
    if _literal(destination.host) is not None:
        return
    asked: Future[tuple[str, ...]] = lookups.ask(destination.host, destination.port)
    try:
        _usable(destination.host, asked.result(timeout=deadline_s), allow_private)
    except TimeoutError as error:
        raise WebhookUrlRefused(
            f"The webhook's host {destination.host} could not be looked up within {deadline_s:g} s. "
            "Check the name and its name servers, and try again."
        ) from error
    except (OSError, UnicodeError) as error:
        raise WebhookUrlRefused(f"{_not_found(destination.host, error)} Check the name and try again.") from error
    except DestinationUnreachable as error:
        raise WebhookUrlRefused(f"{error} Check the name and try again.") from error


def _usable(host: str, found: tuple[str, ...], allow_private: bool) -> tuple[str, ...]:
    if not found:
        raise DestinationUnreachable(f"The host {host} has no address.")
    vetted(found, allow_private=allow_private)
    return found


def _not_found(host: str, error: Exception) -> DestinationUnreachable:
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return DestinationUnreachable(f"The host {host} could not be looked up: no name server answered.")
    return DestinationUnreachable(f"The host {host} was not found.")


def _literal(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _host(written: str, is_bracketed: bool, allow_private: bool) -> str:
    """Return a host as it is dialled; `written` is without brackets."""
    if is_bracketed:
        if "%" in written:
            _refuse("its address has a zone (%…). Use a public address, or better a name.")
        try:
            address = str(IPv6Address(written))
        except ValueError:
            _refuse("its host in brackets is not an IPv6 address.")
        _vet_literal(address, allow_private)
        return address
    host = _ascii(written)
    if _NUMBER.fullmatch(host.rsplit(".", 1)[-1]):  # no name ends in a number: what does is read as an IPv4 address
        try:
            address = socket.inet_ntoa(socket.inet_aton(host))
        except OSError:
            _refuse("its host is neither a name nor an address.")
        _vet_literal(address, allow_private)
        if host != address:
            _refuse(f"its address is written in an unusual way. Write it as {address}.")
        return address
    return host


def _vet_literal(address: str, allow_private: bool) -> None:
    kind = refusal_of(address, allow_private=allow_private)
    if kind is not None:
        _refuse(f"its host {address} is {kind}. Use a public address, or better a name.")


def _ascii(written: str) -> str:
    """Return a name in ASCII and lower case, as it is asked for, by IDNA 2008 where it is not ASCII."""
    host = written.lower()
    if not host.isascii() or "xn--" in host:
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            _refuse("its host is not a valid internationalised name.")
    host = host.removesuffix(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        _refuse("its host is not a valid name. Write it as https://host/path.")
    return host


def _port(scheme: str, written: int | None, allow_private: bool) -> int:
    port = _DEFAULT_PORT[scheme] if written is None else written
    if port == 0 or not (allow_private or port in _PORTS):
        _refuse(f"its port {port} is not one that webhooks go to. Use {' or '.join(map(str, _PORTS))}.")
    return port


def _target(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    return quote((parts.path or "/") + query, safe=_IN_A_TARGET)


def _refuse(reason: str) -> NoReturn:
    raise WebhookUrlRefused(f"The webhook's URL cannot be used: {reason}")
