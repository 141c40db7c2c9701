"""The Compose file's project with everything that stands around it: real servers from wheels, a vendor with a ledger.

PostgreSQL, S3 and Valkey are real servers, the vendor is Buena's fake, the webhooks' receiver a process of its own.
"""

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from shared.db.engine import Database
from shared.db.models import Job
from tests.databases import PostgresServer
from tests.deploy.project import Project, running
from tests.fakes.buena import KEY, FakeBuena
from tests.hooks import Receiver, receiver
from tests.profiles import TcpBroker
from tests.servers import S3Server, free_ports


@dataclass
class Site:
    """Everything that stands around the containers, and the containers."""

    project: Project
    vendor: FakeBuena
    hooks: Receiver
    postgres: PostgresServer
    s3: S3Server
    broker: TcpBroker
    prefix: str
    database: Database
    key: str
    made: dict[str, str] = field(default_factory=dict)  # by the number of the order, the clone's id

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.project.containers['api'][0].port}/api/v2/voice-clones"

    def order(self, number: str, recording: Path) -> str:
        """Order a clone as a careful client does, again under the same key until there is an answer; return its id."""
        while (answer := self._asked(number, recording)) is None:
            time.sleep(0.2)
        assert answer.status_code == 201, answer.text
        self.made[number] = answer.json()["data"]["voiceId"]
        return self.made[number]

    def _asked(self, number: str, recording: Path) -> httpx.Response | None:
        fields = {"name": f"Anna {number}", "vendor": "buena", "callback_url": self.hooks.url("204", number)}
        headers = {"x-api-key": self.key, "idempotency-key": f"order-{number}"}
        with recording.open("rb") as file:
            try:
                answer = httpx.post(
                    self.url, data=fields, files={"files": file}, headers=headers, timeout=60, trust_env=False
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

    def objects(self) -> dict[str, int]:
        """Return the bytes of every stored object, by its key."""
        pages = self.s3.client().get_paginator("list_objects_v2").paginate(Bucket=self.s3.bucket, Prefix=self.prefix)
        found = [one for page in pages for one in page.get("Contents", ())]
        return {one["Key"].removeprefix(f"{self.prefix}/"): one["Size"] for one in found}


@contextmanager
def opened(postgres: PostgresServer, s3: S3Server, folder: Path, most_voices: int) -> Iterator[Site]:
    """Run the project on a database, a prefix and a broker of its own; the vendor trains for a second."""
    vendor, key, prefix = FakeBuena(), secrets.token_hex(24), secrets.token_hex(4)
    vendor.training_s, vendor.most_voices = 1.0, most_voices
    with ExitStack() as stack:
        stack.enter_context(vendor.running())
        hooks = stack.enter_context(receiver())
        broker = TcpBroker(free_ports(1)[0], Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="valkey-"))))
        broker.start()
        stack.callback(broker.stop)
        url = postgres.new_database(migrated=False)
        stack.callback(postgres.drop, url)
        addresses = {
            "CLONEPIPE_DATABASE_URL": url, "CLONEPIPE_BROKER_URL": broker.url,
            "CLONEPIPE_STORAGE_URL": f"s3://{s3.bucket}/{prefix}",
            "CLONEPIPE_S3_ENDPOINT_URL": s3.endpoint_url, **s3.environment,
            "CLONEPIPE_BOOTSTRAP_API_KEY": key, "CLONEPIPE_BUENA_API_KEY": KEY, "CLONEPIPE_MAX_CLONES_PER_USER": "0",
        }  # fmt: skip
        extra = {
            "CLONEPIPE_BUENA_BASE_URL": vendor.base_url, "CLONEPIPE_VENDOR_TIME_SCALE": "0.05",
            "CLONEPIPE_ALLOW_PRIVATE_WEBHOOKS": "1",
            "CLONEPIPE_REQUESTS_PER_MINUTE_PER_KEY": "0", "CLONEPIPE_REQUESTS_PER_MINUTE_PER_ACCOUNT": "0",
        }  # fmt: skip
        project = stack.enter_context(running(folder, addresses, extra))
        database = Database(url)
        stack.callback(database.dispose)
        yield Site(project, vendor, hooks, postgres, s3, broker, prefix, database, key)
