"""Where a webhook may go: every way to write a place that it may not, a second opinion, and a resolver that lies."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
import ssrfguard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import WebhookUrlRefused
from shared.webhooks.destinations import (
    DestinationUnreachable,
    check_destination,
    check_url,
    destination_of,
    refusal_of,
    resolve,
    vetted,
)
from tests.shared.webhooks.resolver import run, says

FACES_OF_LOOPBACK = [
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7f.1",
    "2130706433", "017700000001", "0177.0.0.1", "0177.0x0.0.1", "127.0.0.1.", "0", "0.0.0.0", "0x0", "00",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::7f00:1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:1::1]",
    "[2001:0:7f00:1::]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "１２７.０.０.１", "127。0。0。1", "①②⑦.⓪.⓪.①", "2130706433.",
]  # fmt: skip
NOT_PUBLIC = {
    "this network": ["0.0.0.0", "0.1.2.3", "::"],
    "loopback": ["127.0.0.1", "127.9.9.9", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
    "carrier": ["100.64.0.1", "100.127.255.255"],
    "link-local": ["169.254.0.1", "fe80::1", "febf::1"],
    "metadata": [
        "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254",
        "fd20:ce::254", "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254", "::ffff:168.63.129.16", "64:ff9b::a83f:8110",
    ],
    "protocols": ["192.0.0.8", "192.0.0.9", "192.0.0.170", "192.88.99.1", "2001:1::1", "2001:20::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarks": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "class E": ["240.0.0.1", "255.255.255.255"],
    "discard": ["100::1", "100:0:0:1::1"],
    "segment routing": ["5f00::1"],
    "site-local": ["fec0::1"],
    "tunnels": ["2002:7f00:1::", "2002:808:808::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "::8.8.8.8"],
    "translated": ["64:ff9b::10.0.0.1", "64:ff9b:1::808:808", "::ffff:10.0.0.1"],
    "unassigned": ["4000::1", "1::1", "200::1", "e000::1"],
    "zone": ["fe80::1%eth0", "2606:4700::1%1"],
    "no address": ["example.com", "", "127.1", "1.2.3.4.5"],
}  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.216.34", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::8.8.8.8",
          "::ffff:8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "198.17.0.1"]  # fmt: skip


@pytest.mark.parametrize("host", FACES_OF_LOOPBACK)
def test_the_many_faces_of_loopback(host: str) -> None:
    with pytest.raises(WebhookUrlRefused, match="host"):
        check_url(f"https://{host}/hook", allow_private=False)


@pytest.mark.parametrize(("kind", "address"), [(kind, one) for kind, many in NOT_PUBLIC.items() for one in many])
def test_every_kind_of_address_that_is_not_public(kind: str, address: str) -> None:
    assert refusal_of(address) is not None
    with pytest.raises(WebhookUrlRefused, match="public"):
        vetted(("8.8.8.8", address, "1.1.1.1"))  # one among public ones refuses all


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert refusal_of(address) is None
    vetted((address,))


def test_what_private_addresses_allowed_means() -> None:
    for address in ("127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd12:3456::1", "100.64.0.1", "::ffff:127.0.0.1"):
        assert refusal_of(address, allow_private=True) is None
    for kind in ("metadata", "multicast", "link-local", "class E", "tunnels", "this network"):
        for address in NOT_PUBLIC[kind]:
            assert refusal_of(address, allow_private=True) is not None, address


# Addresses of any kind, and those near and within every network that either list names, bare or wrapped.
_blocks = [block.network for block in ssrfguard.DEFAULT_DENIED.blocks]
_edges = st.sampled_from(_blocks).flatmap(
    lambda network: st.integers(0, network.num_addresses - 1).map(lambda offset: network[offset])
)
_v4 = st.integers(0, 2**32 - 1).map(IPv4Address) | _edges.filter(lambda one: one.version == 4)
_wrapped = st.tuples(
    st.sampled_from(["::ffff:0:0", "64:ff9b::", "::", "64:ff9b:1::"]), _v4
).map(lambda both: IPv6Address(int(IPv6Address(both[0])) + int(both[1])))  # fmt: skip
_addresses = _v4 | _edges | _wrapped | st.integers(0, 2**128 - 1).map(IPv6Address)


@given(_addresses)
@settings(max_examples=2000, deadline=None)
@example(ip_address("168.63.129.16"))
def test_what_a_second_opinion_refuses_is_never_allowed(address: IPv4Address | IPv6Address) -> None:
    if ssrfguard.DEFAULT_DENIED.classify(address).blocked:
        assert refusal_of(str(address)) is not None


def test_the_second_opinion_refuses_the_table_too_but_for_what_only_we_refuse() -> None:
    def is_only_ours(address: str) -> bool:
        return any(ip_address(address) in ip_network(network) for network in stricter)

    stricter = [
        "168.63.129.16/32", "::ffff:168.63.129.16/128", "64:ff9b::a83f:8110/128",  # public, but a cloud's
        "192.0.0.9/32", "2001:1::1/128", "2001:20::/28",  # of protocols: reachable, but no receiver stands there
        "2002::/16", "2001::/32", "::/96",  # tunnels out of use, whatever they wrap
        "4000::/2", "::/3", "e000::/4", # not assigned to anybody
    ]  # fmt: skip
    for kind in NOT_PUBLIC.keys() - {"zone", "no address"}:
        for address in NOT_PUBLIC[kind]:
            assert ssrfguard.DEFAULT_DENIED.classify(address).blocked or is_only_ours(address), address


REFUSED = {
    "http://example.com/": "https://",
    "ftp://example.com/": "https://",
    "//example.com/": "https://",
    "": "https://",
    "https://": "no host",
    "https:///hook": "no host",
    "https://user@example.com/": "user name",
    "https://user:pass@example.com/": "user name",
    "https://@example.com/": "user name",
    "https://example.com/#part": "fragment",
    "https://example.com/#": "fragment",
    "https://example.com:80/": "port 80",
    "https://example.com:22/": "port 22",
    "https://example.com:0/": "port 0",
    "https://example.com:99999/": "cannot be read",
    "https://example.com:http/": "cannot be read",
    "https://[fe80::1%25eth0]/": "zone",
    "https://[2606:4700::1111/": "cannot be read",
    "https://[v1.x]/": "brackets|cannot be read",
    "https://exa mple.com/": "space",
    "https://example.com/a b": "space",
    "https://example.com\\@10.0.0.1/": "backslash",
    "https://example.com/\nX: y": "control",
    "https://example.com/\u2028": "space",
    "https://ex%61mple.com/": "valid name",
    "https://-example.com/": "valid name",
    "https://example..com/": "valid name",
    f"https://{'a' * 64}.com/": "valid name",
    "https://xn--a/": "internationalised",
    "https://\u2488com/": "internationalised",
    "https://1.2.3.4.5/": "neither a name nor an address",
    "https://256.1.1.1/": "neither a name nor an address",
    "https://0x08080808/": "8.8.8.8",
    "https://8.8.2056/": "8.8.8.8",
    "https://example.com/" + "a" * 2048: "2,048",
}


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_is_refused_by_its_rule(url: str) -> None:
    with pytest.raises(WebhookUrlRefused, match=REFUSED[url]) as refused:
        check_url(url, allow_private=False)
    assert refused.value.code == "INVALID_WEBHOOK_URL"
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "authority"),
    [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("https://Example.COM.:8443/A?b=c%20d", "example.com", 8443, "/A?b=c%20d", "example.com:8443"),
        ("https://bücher.example/ü?q=ü", "xn--bcher-kva.example", 443, "/%C3%BC?q=%C3%BC", "xn--bcher-kva.example"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/", "8.8.8.8"),
        ("https://[2606:4700:0::1111]/", "2606:4700::1111", 443, "/", "[2606:4700::1111]"),
        ("https://a_b.r3---sn.example/", "a_b.r3---sn.example", 443, "/", "a_b.r3---sn.example"),
        ("https://example.com:/?a", "example.com", 443, "/?a", "example.com"),
    ],
)
def test_what_a_url_leads_to(url: str, host: str, port: int, target: str, authority: str) -> None:
    found = destination_of(url, allow_private=False)
    assert (found.host, found.port, found.target, found.authority) == (host, port, target, authority)


def test_http_and_any_port_where_private_addresses_are_allowed() -> None:
    for url in ("http://127.0.0.1:9000/hook", "http://localhost/", "https://10.0.0.1:1/", "http://[::1]:65535/"):
        check_url(url, allow_private=True)
        with pytest.raises(WebhookUrlRefused):
            check_url(url, allow_private=False)
    with pytest.raises(WebhookUrlRefused, match="metadata"):
        check_url("http://169.254.169.254/latest/meta-data/", allow_private=True)


def test_registration_vets_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, {"good.test": ["8.8.8.8", "2606:4700::1111"], "mixed.test": ["8.8.8.8", "10.0.0.1"]})
    check_destination("https://good.test/hook", allow_private=False)
    with pytest.raises(WebhookUrlRefused, match="private network") as refused:
        check_destination("https://mixed.test/hook", allow_private=False)
    assert "10.0.0.1" not in refused.value.message  # what our own network answers is nobody's business
    check_destination("https://mixed.test/hook", allow_private=True)


def test_registration_refuses_what_cannot_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, {"shy.test": socket.gaierror(socket.EAI_AGAIN, "again")})
    with pytest.raises(WebhookUrlRefused, match=r"nowhere\.test was not found\. Check the name"):
        check_destination("https://nowhere.test/", allow_private=False)
    with pytest.raises(WebhookUrlRefused, match="no name server answered"):
        check_destination("https://shy.test/", allow_private=False)


def test_registration_waits_only_so_long_and_others_are_answered_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    release = says(monkeypatch, {"hangs.test": "hang", "good.test": ["8.8.8.8"]})
    try:
        for _ in range(40):  # more than there are threads: they share one
            with pytest.raises(WebhookUrlRefused, match=r"hangs\.test could not be looked up within 0\.001 s"):
                check_destination("https://hangs.test/", allow_private=False, deadline_s=0.001)
        check_destination("https://good.test/", allow_private=False)
    finally:
        release.set()


def test_resolving_on_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, {"good.test": ["8.8.8.8", "2606:4700::1111", "8.8.8.8"], "bad.test": ["8.8.8.8", "127.0.0.1"]})
    assert run(resolve("good.test", 443, allow_private=False)) == ("8.8.8.8", "2606:4700::1111")
    assert run(resolve("bad.test", 443, allow_private=True)) == ("8.8.8.8", "127.0.0.1")
    assert run(resolve("8.8.8.8", 443, allow_private=False)) == ("8.8.8.8",)
    with pytest.raises(WebhookUrlRefused):
        run(resolve("bad.test", 443, allow_private=False))
    with pytest.raises(WebhookUrlRefused):
        run(resolve("127.0.0.1", 443, allow_private=False))
    with pytest.raises(DestinationUnreachable, match="not found"):
        run(resolve("nowhere.test", 443, allow_private=False))
