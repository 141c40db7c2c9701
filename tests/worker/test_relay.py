"""The relay against a real broker: what is due is rung for, once; what the broker lost is rung for again."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import update

from shared import claims, metrics
from shared.db.models import Job
from shared.db.moment import db_now
from shared.doorbell import Doorbell
from tests.profiles import TcpBroker
from tests.servers import free_ports
from tests.worker.conftest import Workshop
from worker.relay import Relay


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[TcpBroker]:
    made = TcpBroker(free_ports(1)[0], tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def relay(workshop: Workshop, broker: TcpBroker) -> Relay:
    relay = Relay(workshop.bench.services, Doorbell(broker.url))
    relay.tick()  # the first look at a broker finds that it remembers nothing
    return relay


def waiting(broker: TcpBroker) -> int:
    with redis.Redis(port=broker.port) as client:
        return client.llen("audio")


def counted(name: str) -> float:
    """Return a counter of the audio queue."""
    return metrics.REGISTRY.get_sample_value(name, {"queue": "audio"}) or 0.0


def make_announceable(workshop: Workshop) -> None:
    with workshop.database.write() as session:
        session.execute(update(Job).values(announce_at=db_now(-1)))


def test_a_due_job_is_rung_for_once(workshop: Workshop, relay: Relay, broker: TcpBroker) -> None:
    workshop.order()
    assert relay.tick() == 0, "whoever made the job rings first"
    make_announceable(workshop)
    assert [relay.tick(), relay.tick()] == [1, 0]
    assert waiting(broker) == 1


def test_two_relays_ring_for_a_job_once_between_them(workshop: Workshop, relay: Relay, broker: TcpBroker) -> None:
    workshop.order()
    make_announceable(workshop)
    other = Relay(workshop.bench.services, Doorbell(broker.url))
    assert relay.tick() + other.tick() == 1


def test_what_was_flushed_is_rung_for_at_the_next_tick(workshop: Workshop, relay: Relay, broker: TcpBroker) -> None:
    for _ in range(3):
        workshop.order()
    make_announceable(workshop)
    relay.tick()
    with redis.Redis(port=broker.port) as client:
        client.flushall()
    assert relay.tick() == 3
    assert waiting(broker) == 3


def test_a_broker_that_is_away_costs_no_announcement(workshop: Workshop, relay: Relay, broker: TcpBroker) -> None:
    workshop.order()
    make_announceable(workshop)
    broker.stop()
    assert relay.tick() == 0
    broker.start()
    assert relay.tick() == 1


def test_a_frozen_broker_holds_the_relay_for_seconds_only(workshop: Workshop, relay: Relay, broker: TcpBroker) -> None:
    workshop.order()
    make_announceable(workshop)
    assert broker.process is not None
    broker.process.send_signal(signal.SIGSTOP)
    try:
        assert relay.tick() == 0
    finally:
        broker.process.send_signal(signal.SIGCONT)
    assert relay.tick() == 1


def test_a_job_whose_worker_died_is_rung_for_when_its_lease_is_over(
    make_workshop: Callable[..., Workshop], broker: TcpBroker
) -> None:
    workshop = make_workshop()
    _, job_id = workshop.order()
    with workshop.database.write() as session:
        assert claims.take(session, job_id, owner="dead", lease_s=30.0) is not None
    relay = Relay(workshop.bench.services, Doorbell(broker.url))
    assert relay.tick() == 0
    expired = counted("clonepipe_lease_expiries_total")
    with workshop.database.write() as session:
        session.execute(update(Job).values(lease_until=db_now(-1)))
    assert relay.tick() == 1
    assert counted("clonepipe_lease_expiries_total") == expired + 1
    make_announceable(workshop)
    assert relay.tick() == 1
    assert counted("clonepipe_lease_expiries_total") == expired + 1, "it ran out once"


def test_what_nobody_took_is_counted_as_rescued_and_a_first_ring_is_not(
    workshop: Workshop, relay: Relay, broker: TcpBroker
) -> None:
    rung, rescued = counted("clonepipe_jobs_announced_total"), counted("clonepipe_rescues_total")
    workshop.order()
    for ring in (1, 2):
        make_announceable(workshop)
        assert relay.tick() == 1
        assert counted("clonepipe_jobs_announced_total") == rung + ring
        assert counted("clonepipe_rescues_total") == rescued + ring - 1


def test_it_tells_whether_the_broker_takes_its_rounds(workshop: Workshop, relay: Relay, broker: TcpBroker) -> None:
    broker.stop()
    assert relay.tick() == 0
    assert metrics.REGISTRY.get_sample_value("clonepipe_broker_up") == 0
    broker.start()
    relay.tick()
    assert metrics.REGISTRY.get_sample_value("clonepipe_broker_up") == 1
