"""A broker that is away: relay and worker say so, live on, and are ready again by themselves."""

from collections.abc import Iterator

import httpx
import pytest

from tests.databases import PostgresServer
from tests.processes import until
from tests.profiles import Profile, deployed
from tests.servers import S3Server, free_ports
from tests.stack import Stack, running_stack

pytestmark = pytest.mark.faults
RELAY, WORKER = 1, 2  # ports after the API's


def ask(stack: Stack, process: int, path: str) -> httpx.Response | None:
    port = (stack.settings.metrics_port or 0) + process
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10, trust_env=False)
    except httpx.HTTPError:
        return None


def is_ready(stack: Stack, process: int) -> bool:
    answer = ask(stack, process, "/readyz")
    return answer is not None and answer.status_code == 200


def is_without_broker(stack: Stack, process: int) -> bool:
    answer = ask(stack, process, "/readyz")
    return answer is not None and answer.status_code == 503 and answer.json()["parts"]["broker"] != "ok"


@pytest.fixture
def profile(postgres: PostgresServer, s3_server: S3Server) -> Iterator[Profile]:
    with deployed(postgres, s3_server) as made:
        yield made


def test_a_broker_that_is_away_is_told_and_ends_nobody(profile: Profile) -> None:
    with running_stack(profile, metrics_port=free_ports(1)[0]) as stack:
        assert until(lambda: is_ready(stack, RELAY) and is_ready(stack, WORKER), 60), stack.log()
        processes = [stack.pid(name) for name in ("relay", "worker")]
        assert profile.broker is not None
        profile.broker.stop()
        assert until(lambda: is_without_broker(stack, RELAY) and is_without_broker(stack, WORKER), 60), stack.log()
        for process in (RELAY, WORKER):
            lives = ask(stack, process, "/livez")
            assert lives is not None
            assert lives.status_code == 200, lives.text
        figures = ask(stack, RELAY, "/metrics")
        assert figures is not None
        assert "\nclonepipe_broker_up 0.0\n" in figures.text
        profile.broker.start()
        assert until(lambda: is_ready(stack, RELAY) and is_ready(stack, WORKER), 60), stack.log()
        assert [stack.pid(name) for name in ("relay", "worker")] == processes
        stack.wait_for(stack.create(), "ready")
        told = ask(stack, WORKER, "/metrics")
        assert told is not None
        assert 'clonepipe_stage_duration_seconds_count{ending="finished",stage="track"} 1.0' in told.text
