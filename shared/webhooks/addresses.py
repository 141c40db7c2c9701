"""Which addresses a webhook may be sent to: public ones, however they are written or wrapped.

A receiver's name is chosen by whoever registers it, so it may lead anywhere: to this machine, into our network, to the
cloud's own services. Python's `is_global` alone lets several of those pass and changes between its versions, so our own
list decides first. Networks by the IANA registries of special-purpose addresses (2026-11).
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from shared.errors import WebhookUrlRefused

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

# Services of clouds, reached from inside them; some lie in networks that are public or that a laptop may use.
_METADATA: Final = frozenset(
    ip_address(one)
    for one in (
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192",
        "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42", "fe80::a9fe:a9fe",
    )
)  # fmt: skip


def _named(kinds: dict[str, tuple[str, ...]]) -> tuple[tuple[_Network, str], ...]:
    return tuple((ip_network(network), kind) for kind, networks in kinds.items() for network in networks)


# Where a receiver may stand when private addresses are allowed: this machine and the networks around it.
_PRIVATE: Final = _named(
    {
        "an address of the machine itself": ("127.0.0.0/8", "::1/128"),
        "an address of a private network": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
        "an address shared behind a carrier's translation": ("100.64.0.0/10",),
    }
)
_NEVER: Final = _named(
    {
        "an address of 'this network'": ("0.0.0.0/8", "::/128"),
        "a link-local address": ("169.254.0.0/16", "fe80::/10"),
        "a multicast address": ("224.0.0.0/4", "ff00::/8"),
        "an address reserved for protocols": ("192.0.0.0/24", "192.88.99.0/24", "2001::/23"),
        "an address for documentation": (
            "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20",
        ),
        "an address for benchmarks": ("198.18.0.0/15", "2001:2::/48"),
        "a reserved address": ("240.0.0.0/4", "3ffe::/16"),
        "an address whose packets are discarded": ("100::/64", "100:0:0:1::/64"),
        "an address of segment routing": ("5f00::/16",),
        "a site-local address": ("fec0::/10",),
        # Tunnels out of use: no receiver stands there, and each may lead to the address that it wraps.
        "an address of a tunnel (6to4)": ("2002::/16",),
        "an IPv4 address wrapped in a way out of use": ("::/96",),
        # The prefix is the operator's own, and where in it the inner address lies is not known.
        "an address of a local translation (NAT64)": ("64:ff9b:1::/48",),
    }
)  # fmt: skip
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_TEREDO: Final = IPv6Network("2001::/32")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")


def refusal_of(address: str, *, allow_private: bool = False) -> str | None:
    """Return what kind of address it is that no webhook may go to, or None when it may.

    Private addresses are this machine's, those of private networks and of carriers' translations; multicast, link-local
    and reserved ones and the clouds' metadata services are refused either way. What wraps an IPv4 address that packets
    are really sent to (mapped, NAT64) is judged by that address.
    """
    if "%" in address:
        return "an address with a zone"
    try:
        found = ip_address(address)
    except ValueError:
        return "not an address"
    return _refusal(found, allow_private)


def vetted(addresses: Iterable[str], *, allow_private: bool = False) -> None:
    """Refuse unless every address may be sent to: one private answer among public ones refuses all.

    The address is not told: for a name of our own network that would be an answer worth asking for.
    Raises: WebhookUrlRefused.
    """
    for address in addresses:
        kind = refusal_of(address, allow_private=allow_private)
        if kind is not None:
            raise WebhookUrlRefused(
                f"The webhook's host leads to {kind}. Use a host all of whose addresses are public."
            )


def _refusal(address: _Address, allow_private: bool) -> str | None:
    if address in _METADATA:
        return "an address of a cloud's metadata service"
    if isinstance(address, IPv6Address):
        inner = _wrapped(address)
        if inner is not None:
            return _refusal(inner, allow_private)
    for network, kind in _PRIVATE:
        if address.version == network.version and address in network:
            return None if allow_private else kind
    for network, kind in _NEVER:
        if address.version == network.version and address in network:
            return "an address of a tunnel (Teredo)" if address in _TEREDO else kind
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "not a public address"
    return None if address.is_global and not address.is_multicast else "not a public address"


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to a mapped or NAT64 address end at.

    Other wrappers (6to4, Teredo, compatible, local NAT64) are refused as such, whatever is in them.
    """
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
