"""What is dialled: vetted addresses and nothing else, by a name that TLS checks."""

import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.errors import WebhookUrlRefused
from tests.shared.webhooks.resolver import run, says
from tests.worker.callbacks.receivers import Call, Receiver, answering, receiver
from worker.callbacks.attempt import Attempted, Sender, attempt
from worker.callbacks.dialing import VettedBackend

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Wire(httpcore.AnyIOBackend):
    """Carries bytes for an address that is dialled to a receiver on the loopback, and remembers which it was."""

    def __init__(self, port: int = 0, dead: Iterable[str] = ()) -> None:
        self.dialled: list[str] = []
        self._port, self._dead = port, frozenset(dead)

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        ip_address(host)  # never a name: whoever dials a name has it resolved once more
        self.dialled.append(host)
        if host in self._dead:
            raise httpcore.ConnectError("nobody there")
        return await super().connect_tcp("127.0.0.1", self._port, timeout, local_address, socket_options)


def test_a_name_that_changes_its_mind_is_dialled_as_it_was_vetted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, trust = certificates(tmp_path, "rebinds.test")
    asked = [["8.8.8.8"], ["127.0.0.1"]]
    says(monkeypatch, {"rebinds.test": asked})

    async def go() -> tuple[list[Attempted], Wire]:
        async with receiver(answering(OK), tls=server) as to:
            wire = Wire(to.port)
            async with Sender(allow_private=False, trust=trust, wire=wire) as sender:
                return [await sender.attempt("https://rebinds.test/", {}, b"") for _ in range(2)], wire

    (first, second), wire = run(go())
    assert first.is_success, first
    assert second.failure == "refused_address"
    assert wire.dialled == ["8.8.8.8"]


def test_one_private_address_among_public_ones_and_nothing_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, {"mixed.test": ["8.8.8.8", "169.254.169.254"]})
    wire = Wire()

    async def go() -> Attempted:
        async with Sender(allow_private=False, wire=wire) as sender:
            return await sender.attempt("https://mixed.test/", {}, b"")

    assert run(go()).failure == "refused_address"
    assert wire.dialled == []


def test_addresses_are_tried_in_turn_and_not_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"2606:4700::{number:x}" for number in range(1, 9)]
    says(monkeypatch, {"many.test": [*many, "8.8.8.8"], "down.test": ["8.8.8.8", "1.1.1.1"]})

    async def go() -> tuple[Wire, Wire]:
        async with receiver(answering(OK)) as to:
            up, down = Wire(to.port, dead=many[:2]), Wire(to.port, dead=["8.8.8.8", "1.1.1.1"])
            line = await VettedBackend(allow_private=False, wire=up).connect_tcp("many.test", 443, timeout=5)
            await line.aclose()
            with pytest.raises(httpcore.ConnectError):
                await VettedBackend(allow_private=False, wire=down).connect_tcp("down.test", 443, timeout=5)
            return up, down

    up, down = run(go())
    assert up.dialled == [many[0], "8.8.8.8"]
    assert down.dialled == ["8.8.8.8", "1.1.1.1"]


def test_neither_a_unix_socket_nor_a_private_address(tmp_path: Path) -> None:
    backend = VettedBackend(allow_private=False)
    with pytest.raises(httpcore.ConnectError):
        run(backend.connect_unix_socket(str(tmp_path / "socket")))
    with pytest.raises(WebhookUrlRefused):
        run(backend.connect_tcp("127.0.0.1", 443, timeout=1))


def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> tuple[Attempted, Receiver]:
        async with receiver(answering(OK)) as to, receiver(answering(OK)) as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url)
            return await attempt(to.url, {}, b"", allow_private=True), proxy

    found, proxy = run(go())
    assert (found.is_success, proxy.connections) == (True, 0)


def over_tls(monkeypatch: pytest.MonkeyPatch, server: ssl.SSLContext, trust: ssl.SSLContext | None) -> Attempted:
    """Make one attempt at https://hooks.test, which stands on the loopback."""
    says(monkeypatch, {"hooks.test": ["127.0.0.1"]})

    async def go() -> Attempted:
        async with receiver(answering(OK), tls=server) as to, Sender(allow_private=True, trust=trust) as sender:
            return await sender.attempt(f"https://hooks.test:{to.port}/", {}, b"")

    return run(go())


def test_a_right_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server, trust = certificates(tmp_path, "hooks.test")
    asked: list[str | None] = []
    server.sni_callback = lambda _, name, __: asked.append(name)
    assert over_tls(monkeypatch, server, trust).is_success
    assert asked == ["hooks.test"]  # the name, though an address was dialled


def test_wrong_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other, trust = certificates(tmp_path, "other.test")
    found = over_tls(monkeypatch, other, trust)
    assert (found.failure, found.status) == ("tls", None)
    assert "hostname mismatch" in found.detail.lower()
    assert (
        over_tls(monkeypatch, certificates(tmp_path, "hooks.test")[0], None).failure == "tls"
    )  # signed by nobody known
    old, trust = certificates(tmp_path, "hooks.test", days=-1)
    assert "expired" in over_tls(monkeypatch, old, trust).detail


def test_no_tls_where_it_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go(url: str, script) -> Attempted:
        async with receiver(script) as to:
            return await attempt(url.format(to.port), {}, b"", allow_private=True, deadline_s=5)

    async def speaks_plainly(call: Call) -> None:
        await call.reader.read(1)
        await call.say(OK)

    async def leaves(call: Call) -> None:
        await call.reader.read(1)

    says(monkeypatch, {"hooks.test": ["127.0.0.1"]})
    assert run(go("https://hooks.test:{}/", speaks_plainly)).failure == "tls"
    assert run(go("https://hooks.test:{}/", leaves)).failure == "tls"


def test_a_handshake_that_hangs_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(call: Call) -> None:
        await call.reader.read()

    async def go() -> Attempted:
        async with receiver(silent) as to:
            return await attempt(f"https://127.0.0.1:{to.port}/", {}, b"", allow_private=True, deadline_s=0.1)

    assert run(go()).failure == "timeout"


def certificates(folder: Path, name: str, *, days: int = 1) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context with a certificate for a name, and one that trusts who signed it."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's authority")])
    now = datetime.now(UTC)

    def begun(subject: x509.Name, public: ec.EllipticCurvePublicKey, ends: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject).issuer_name(authority).public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=10)).not_valid_after(ends)
        )  # fmt: skip

    root = (
        begun(authority, authority_key.public_key(), now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    leaf = (
        begun(subject, key.public_key(), now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        leaf.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=root.public_bytes(serialization.Encoding.PEM).decode())
