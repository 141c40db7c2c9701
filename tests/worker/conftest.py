"""A worker's bench over a real database, a real folder and the sandbox vendor; only the broker is absent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from shared import clones, keys, submissions, views
from shared.clones import NewClone
from shared.db.engine import Database
from shared.db.migrate import upgrade
from shared.db.models import Clone, Job, PreparedFile, Submission, VendorGate
from shared.db.moment import db_now
from shared.doorbell import Doorbell
from shared.keys import MAIN_ACCOUNT
from shared.services import Services
from shared.settings import Settings
from shared.states import QUEUE_OF, Queue, Stage, SubmissionState
from shared.storage.protocol import put
from shared.vendors.sandbox import Sandbox
from shared.views import CloneView
from tests.conftest import an_order
from worker.bench import Bench
from worker.run import work


@dataclass
class Workshop:
    """What a worker test speaks to."""

    bench: Bench

    @property
    def database(self) -> Database:
        return self.bench.services.database

    @property
    def sandbox(self) -> Sandbox:
        vendor = self.bench.services.vendors["sandbox"]
        assert isinstance(vendor, Sandbox)
        return vendor

    def order(
        self,
        name: str = "Anna",
        at: Stage = Stage.VALIDATE,
        *,
        vendor: str = "sandbox",
        engine: str = "default",
        fallbacks: tuple[tuple[str, str], ...] = (),
        prepared: bytes = b"prepared",
        container: str = "flac",
        prepared_s: float = 2.0,
        language: str | None = None,
    ) -> tuple[str, str]:
        """Write a clone whose job stands at a stage, with what was prepared in storage; return clone and job."""
        new = replace(an_order(name=name), vendor=vendor, engine=engine, fallbacks=fallbacks, language=language)
        with self.database.write() as session:
            job_id = clones.create(session, new, max_clones=0, training_typical_s=1.0)
            session.execute(update(Job).where(Job.id == job_id).values(stage=at, queue=QUEUE_OF[at]))
        self._store(new, job_id, prepared, container, prepared_s)
        return new.id, job_id

    def _store(self, new: NewClone, job_id: str, prepared: bytes, container: str, prepared_s: float) -> None:
        original_key = new.samples[0].object_key
        prepared_key = f"{original_key.rsplit('/', 2)[0]}/prepared/1-1.{container}"
        put(self.bench.services.storage, original_key, b"original")
        put(self.bench.services.storage, prepared_key, prepared)
        with self.database.write() as session:
            session.add(
                PreparedFile(
                    clone_id=new.id, number=1, account_id=MAIN_ACCOUNT, job_id=job_id, object_key=prepared_key,
                    container=container, rate_hz=16_000, duration_s=prepared_s, size_bytes=len(prepared),
                    sha256="0" * 64, cleaned=True,
                    preparation={},
                    created_at=db_now(),
                )
            )  # fmt: skip

    def work(self, job_id: str) -> None:
        """Do what is due of a job, as if its message had come now."""
        self.make_due(job_id)
        work(self.bench, job_id)

    def make_due(self, job_id: str) -> None:
        """End a job's rest."""
        with self.database.write() as session:
            session.execute(update(Job).where(Job.id == job_id).values(due_at=db_now()))

    def intend(self, job_id: str, *, age_s: float = 0.0) -> str:
        """Leave an intent as a worker leaves it that was killed around its call."""
        with self.database.write() as session:
            job = session.get_one(Job, job_id)
            session.add(
                Submission(
                    id=f"sub_{job_id}", account_id=MAIN_ACCOUNT, clone_id=job.clone_id, job_id=job_id,
                    vendor=job.vendor, engine=job.engine, marker=f"cp-{job_id[4:20]}-1",
                    state=SubmissionState.INTENDED, calls=1,
                    called_at=db_now(-age_s), empty_looks=0,
                )
            )  # fmt: skip
            return f"cp-{job_id[4:20]}-1"

    def wait_out_the_gates(self) -> None:
        """Let every vendor be callable again, as it is when its time is over."""
        with self.database.write() as session:
            session.execute(update(VendorGate).values(slow_until=None, closed_until=None, paused_until=None))

    def age_submissions(self, by_s: float) -> None:
        with self.database.write() as session:
            for submission in session.scalars(select(Submission)):
                session.execute(
                    update(Submission).where(Submission.id == submission.id).values(called_at=db_now(-by_s))
                )

    def submission(self, job_id: str) -> submissions.Intent | None:
        with self.database.read() as session:
            return submissions.latest(session, job_id)

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, job_id)

    def clone(self, clone_id: str) -> Clone:
        with self.database.read() as session:
            return session.get_one(Clone, clone_id)

    def view(self, clone_id: str) -> CloneView:
        with self.database.read() as session:
            return views.get(session, MAIN_ACCOUNT, clone_id)


@pytest.fixture
def make_workshop(tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    benches: list[Bench] = []

    def make(queues: frozenset[Queue] = frozenset(Queue), **overrides: object) -> Workshop:
        # No heart beats here to renew a lease, so that it has to outlast the slowest stage of a busy machine.
        lasting: dict[str, object] = {"lease_s": 3_600.0}
        settings = Settings(data_dir=tmp_path, sandbox_training_s=0.0, **(lasting | overrides))  # type: ignore[arg-type]
        services = Services.open(settings)
        upgrade(services.database)
        keys.ensure_bootstrap(services.database, None)
        # Nothing listens there: a ring fails at once, as it may at any time.
        bench = Bench.open(services, queues, Doorbell("redis+socket://" + str(tmp_path / "no-broker.sock")))
        benches.append(bench)
        return Workshop(bench)

    yield make
    for bench in benches:
        bench.decoder.close()
        bench.services.database.dispose()


@pytest.fixture
def workshop(make_workshop: Callable[..., Workshop]) -> Workshop:
    return make_workshop()
