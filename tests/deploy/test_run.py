"""The Compose file at work: fifty clones while workers come and go and every service is renewed once; nothing is lost.

PostgreSQL, S3 and Valkey are real servers from wheels, the vendor is a fake with a ledger, the webhooks' receiver a
process of its own.
"""

import json
import secrets
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import select

from shared.db.engine import Database
from shared.db.models import Clone, Delivery, Job, PreparedFile, Sample
from shared.states import DeliveryState, Outcome
from tests.databases import PostgresServer
from tests.deploy.compose import processes
from tests.deploy.project import Project, running
from tests.fakes.buena import KEY, FakeBuena
from tests.hooks import Receiver, receiver
from tests.processes import until
from tests.profiles import TcpBroker
from tests.servers import S3Server, free_ports
from tests.stack import CLEAN_SPEECH

pytestmark = pytest.mark.faults

CLONES: Final = 50
LAST_WAVE: Final = 15
WITHIN_S: Final = 900.0  # on the slowest machine; two minutes on a quiet one


@dataclass
class Site:
    """Everything that stands around the containers, and the containers."""

    project: Project
    vendor: FakeBuena
    hooks: Receiver
    s3: S3Server
    prefix: str
    database: Database
    key: str
    made: dict[str, str] = field(default_factory=dict)  # by the number of the order, the clone's id
    last_wave: threading.Event = field(default_factory=threading.Event)  # the last orders may come

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.project.containers['api'][0].port}/api/v2/voice-clones"

    def order_all(self) -> None:
        """Order every clone as a careful client does: again under the same key, until there is an answer."""
        for number in range(CLONES):
            if number == CLONES - LAST_WAVE:
                self.last_wave.wait(WITHIN_S)
            while (answer := self._order(str(number))) is None:
                time.sleep(0.2)
            assert answer.status_code == 201, answer.text
            self.made[str(number)] = answer.json()["data"]["voiceId"]

    def _order(self, number: str) -> httpx.Response | None:
        fields = {"name": f"Anna {number}", "vendor": "buena", "callback_url": self.hooks.url("204", number)}
        headers = {"x-api-key": self.key, "idempotency-key": f"order-{number}"}
        with CLEAN_SPEECH.open("rb") as recording:
            try:
                answer = httpx.post(
                    self.url, data=fields, files={"files": recording}, headers=headers, timeout=60, trust_env=False
                )
            except httpx.TransportError:
                return None
        return None if answer.status_code in (409, 503) else answer

    def ended(self) -> int:
        """Return how many clones have ended, well or badly."""
        with self.database.read() as session:
            return len(session.scalars(select(Job.id).where(Job.outcome.is_not(None))).all())

    def rows(self, *columns: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.execute(select(*columns)))

    def objects(self) -> set[str]:
        pages = self.s3.client().get_paginator("list_objects_v2").paginate(Bucket=self.s3.bucket, Prefix=self.prefix)
        return {one["Key"].removeprefix(f"{self.prefix}/") for page in pages for one in page.get("Contents", ())}


@pytest.fixture
def site(postgres: PostgresServer, s3_server: S3Server, tmp_path: Path) -> Iterator[Site]:
    vendor, key, prefix = FakeBuena(), secrets.token_hex(24), secrets.token_hex(4)
    vendor.training_s, vendor.most_voices = 1.0, CLONES
    with ExitStack() as stack:
        stack.enter_context(vendor.running())
        hooks = stack.enter_context(receiver())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="valkey-")))
        broker = TcpBroker(free_ports(1)[0], folder)
        broker.start()
        stack.callback(broker.stop)
        url = postgres.new_database(migrated=False)
        stack.callback(postgres.drop, url)
        addresses = {
            "CLONEPIPE_DATABASE_URL": url, "CLONEPIPE_BROKER_URL": broker.url,
            "CLONEPIPE_STORAGE_URL": f"s3://{s3_server.bucket}/{prefix}",
            "CLONEPIPE_S3_ENDPOINT_URL": s3_server.endpoint_url, **s3_server.environment,
            "CLONEPIPE_BOOTSTRAP_API_KEY": key, "CLONEPIPE_BUENA_API_KEY": KEY, "CLONEPIPE_MAX_CLONES_PER_USER": "0",
        }  # fmt: skip
        extra = {
            "CLONEPIPE_BUENA_BASE_URL": vendor.base_url, "CLONEPIPE_VENDOR_TIME_SCALE": "0.05",
            "CLONEPIPE_ALLOW_PRIVATE_WEBHOOKS": "1",
            "CLONEPIPE_REQUESTS_PER_MINUTE_PER_KEY": "0", "CLONEPIPE_REQUESTS_PER_MINUTE_PER_ACCOUNT": "0",
        }  # fmt: skip
        project = stack.enter_context(running(tmp_path, addresses, extra))
        database = Database(url)
        stack.callback(database.dispose)
        yield Site(project, vendor, hooks, s3_server, prefix, database, key)


def test_fifty_clones_while_workers_come_and_go_and_every_service_is_renewed(site: Site) -> None:
    client = threading.Thread(target=site.order_all, daemon=True)
    client.start()
    assert until(lambda: site.ended() >= 3, WITHIN_S)
    site.project.scale("worker-audio", 4)
    assert until(lambda: site.ended() >= 10, WITHIN_S)
    for name in processes():
        if name != "migrate":
            site.project.roll(name)
    site.last_wave.set()
    assert until(lambda: len(site.made) > CLONES - LAST_WAVE, WITHIN_S)
    site.project.scale("worker-audio", 1)
    client.join(WITHIN_S)
    assert not client.is_alive()
    assert until(lambda: site.ended() == CLONES, WITHIN_S), site.rows(Job.stage, Job.waiting_for, Job.error_message)
    check_voices(site)
    check_webhooks(site)
    site.project.stop()
    check_nothing_is_left(site)


def check_voices(site: Site) -> None:
    """Every order became one clone, every clone one voice."""
    clones = site.rows(Clone.id, Clone.status, Clone.vendor_voice_id)
    assert {row.id for row in clones} == set(site.made.values())
    assert Counter(row.status.value for row in clones) == {"ready": CLONES}
    assert sorted(site.vendor.ledger()) == sorted(row.vendor_voice_id for row in clones)


def check_webhooks(site: Site) -> None:
    """Every line of every history was told, and accepted."""
    assert until(lambda: all(row.state is DeliveryState.DELIVERED for row in site.rows(Delivery.state)), 120)
    told = [json.loads(entry["body"]) for entry in site.hooks.ledger()]
    seen = {(one["data"]["voiceId"], one["data"]["seq"]) for one in told}
    assert seen == {(row.clone_id, row.seq) for row in site.rows(Delivery.clone_id, Delivery.seq)}
    assert {one["data"]["voiceId"] for one in told if one["type"] == "voice_clone.ready"} == set(site.made.values())


def check_nothing_is_left(site: Site) -> None:
    """No lease ran out, none is held; every stored object has a row, and no upload is open."""
    assert site.project.events("claim_lost", "line_lost", "not_settled") == []
    assert {(row.outcome, row.lease_until) for row in site.rows(Job.outcome, Job.lease_until)} == {(Outcome.DONE, None)}
    known = {row[0] for row in site.rows(Sample.object_key)} | {row[0] for row in site.rows(PreparedFile.object_key)}
    assert site.objects() == known
    uploads = site.s3.client().list_multipart_uploads(Bucket=site.s3.bucket, Prefix=site.prefix)
    assert uploads.get("Uploads", []) == []
