"""The Compose file at work: fifty clones while workers come and go and all services are renewed; nothing is lost."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from shared.db.models import Clone, Delivery, Job, PreparedFile, Sample
from shared.states import DeliveryState, Outcome
from tests.databases import PostgresServer
from tests.deploy.compose import processes
from tests.deploy.site import Site, opened
from tests.processes import until
from tests.servers import S3Server
from tests.stack import CLEAN_SPEECH

pytestmark = pytest.mark.faults

CLONES: Final = 50
LAST_WAVE: Final = 15
WITHIN_S: Final = 900.0  # on the slowest machine; two minutes on a quiet one


class Client(threading.Thread):
    """Orders all clones, one after the other; the last of them wait until they may come."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.site = site
        self.last_wave = threading.Event()

    def run(self) -> None:
        for number in range(CLONES):
            if number == CLONES - LAST_WAVE:
                self.last_wave.wait(WITHIN_S)
            self.site.order(str(number), CLEAN_SPEECH)


@pytest.fixture
def site(postgres: PostgresServer, s3_server: S3Server, tmp_path: Path) -> Iterator[Site]:
    with opened(postgres, s3_server, tmp_path, CLONES) as site:
        yield site


def test_fifty_clones_while_workers_come_and_go_and_every_service_is_renewed(site: Site) -> None:
    client = Client(site)
    client.start()
    assert until(lambda: site.ended() >= 3, WITHIN_S)
    site.project.scale("worker-audio", 4)
    assert until(lambda: site.ended() >= 10, WITHIN_S)
    for name in processes():
        if name != "migrate":
            site.project.roll(name)
    client.last_wave.set()
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
    assert site.objects().keys() == known
    uploads = site.s3.client().list_multipart_uploads(Bucket=site.s3.bucket, Prefix=site.prefix)
    assert uploads.get("Uploads", []) == []
