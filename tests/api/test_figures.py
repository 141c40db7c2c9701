"""Who is told the API's metrics at its own port: this machine, and nobody who comes by way of another."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from shared.db.migrate import upgrade
from shared.doorbell import BackgroundBell
from shared.services import Services
from shared.settings import Settings

Ask = Callable[..., httpx.Response]


@pytest.fixture
def metrics_for(tmp_path: Path) -> Iterator[Ask]:
    opened: list[Services] = []

    def ask(host: str, headers: dict[str, str] | None = None, **settings: object) -> httpx.Response:
        services = Services.open(Settings(data_dir=tmp_path, **settings))  # type: ignore[arg-type]
        upgrade(services.database)
        opened.append(services)
        app = create_app(services, BackgroundBell("redis+socket://" + str(tmp_path / "no-broker.sock")))

        async def answer() -> httpx.Response:
            wire = httpx.ASGITransport(app, client=(host, 4321))
            async with httpx.AsyncClient(transport=wire, base_url="http://api") as client:
                return await client.get("/metrics", headers=headers)

        return asyncio.run(answer())

    yield ask
    for services in opened:
        services.database.dispose()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1"])
def test_this_machine_is_told_what_the_process_and_the_database_know(metrics_for: Ask, host: str) -> None:
    answer = metrics_for(host)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "\nclonepipe_upload_bytes_total " in answer.text
    assert '\nclonepipe_jobs{stage="track",status="running"} 0.0\n' in answer.text
    assert "clonepipe_relay_lag_seconds" not in answer.text, "that is the relay's"


@pytest.mark.parametrize("host", ["10.0.0.7", "192.168.1.5", "2001:db8::1", "no address"])
def test_another_machine_finds_nothing(metrics_for: Ask, host: str) -> None:
    answer = metrics_for(host)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert "clonepipe_jobs" not in answer.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_on_this_machine_passes_nobody_on(metrics_for: Ask, header: str) -> None:
    assert metrics_for("127.0.0.1", {header: "203.0.113.7"}).status_code == 404


def test_with_a_port_of_their_own_they_are_told_there_alone(metrics_for: Ask) -> None:
    assert metrics_for("127.0.0.1", metrics_port=9464).status_code == 404
