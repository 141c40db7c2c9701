"""The monitoring port, asked over a socket: figures, life and readiness, and nothing that a caller could do to it."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from shared import metrics
from shared.errors import SetupError
from shared.metrics import RELAY
from shared.monitor import Monitor, open_monitor
from shared.settings import Settings
from shared.vitals import Vitals
from tests.processes import until
from tests.servers import free_ports


@pytest.fixture
def vitals() -> Vitals:
    return Vitals()


@pytest.fixture
def monitor(vitals: Vitals) -> Iterator[Monitor]:
    made = Monitor("127.0.0.1", 0, RELAY, vitals=vitals)
    made.start()
    yield made
    made.close()


def ask(monitor: Monitor, path: str, method: str = "GET") -> httpx.Response:
    return httpx.request(method, f"http://127.0.0.1:{monitor.port}{path}", trust_env=False, timeout=30)


def test_figures_are_told_as_prometheus_reads_them(monitor: Monitor) -> None:
    answer = ask(monitor, "/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, metrics.CONTENT_TYPE)
    assert "\nclonepipe_broker_up " in answer.text
    head = ask(monitor, "/metrics", "HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_what_is_away_makes_unready_and_what_stands_still_is_no_life(monitor: Monitor, vitals: Vitals) -> None:
    vitals.beat("relay", 3600.0)
    vitals.note("database")
    assert [ask(monitor, path).status_code for path in ("/livez", "/readyz")] == [200, 200]
    vitals.note("broker", "does not answer")
    unready = ask(monitor, "/readyz")
    assert unready.status_code == 503
    assert unready.json()["parts"] == {"broker": "does not answer", "database": "ok"}
    assert ask(monitor, "/livez").status_code == 200
    vitals.note("broker")
    vitals.beat("relay", 0.0)
    assert until(lambda: ask(monitor, "/livez").status_code == 503)
    assert ask(monitor, "/readyz").json() == {
        "status": "unavailable", "parts": {"broker": "ok", "database": "ok"}, "stuck": ["relay"],
    }  # fmt: skip


def test_it_says_nothing_at_other_addresses_and_takes_nothing(monitor: Monitor) -> None:
    assert ask(monitor, "/").status_code == 404
    assert ask(monitor, "/metrics/../livez", "POST").status_code == 501
    with socket.create_connection(("127.0.0.1", monitor.port)) as caller:
        caller.sendall(b"\x00\xff nothing of HTTP\r\n\r\n")
        caller.shutdown(socket.SHUT_WR)
        while caller.recv(4096):
            pass
    assert ask(monitor, "/livez").status_code == 200


def test_without_vitals_it_tells_figures_only() -> None:
    made = Monitor("127.0.0.1", 0, metrics.API)
    made.start()
    try:
        assert ask(made, "/metrics").status_code == 200
        assert ask(made, "/livez").status_code == 404
    finally:
        made.close()


def test_no_port_is_taken_where_none_is_named_and_one_that_is_taken_is_told() -> None:
    assert open_monitor(Settings(), RELAY, Vitals()) is None
    port = free_ports(1)[0]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SetupError, match=f"port {port} of 127.0.0.1"):
        open_monitor(Settings(metrics_port=port), RELAY, Vitals())
