"""What workers are scaled by: KEDA's objects by their documented fields, and their queries on a real PostgreSQL."""

import copy
import re
from collections.abc import Callable, Iterator

import jsonschema
import kubernetes_validate
import pytest
from sqlalchemy import Connection, create_engine, func, select, text, update

from shared import keys
from shared.clones import create
from shared.db.engine import Database
from shared.db.models import Job, WebhookEndpoint
from shared.db.moment import db_now
from shared.jobs import runnable
from shared.states import EndpointKind, Outcome, Queue
from shared.vault import KEY_BYTES, Vault
from shared.webhooks import endpoints, lines
from shared.webhooks.endpoints import NewEndpoint
from tests.conftest import an_order
from tests.contracts.test_claims import must_take
from tests.databases import PostgresServer
from tests.deploy.compose import DEPLOY
from tests.deploy.keda import SCHEMAS
from tests.deploy.manifests import container_of, of_kind

VAULT = Vault([b"k" * KEY_BYTES])


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    """A fresh PostgreSQL, with the account `main`: SQLite is never scaled by."""
    opened = Database(postgres.new_database())
    keys.ensure_bootstrap(opened, None)
    yield opened
    opened.dispose()


def triggers(queue: Queue) -> dict[str, dict]:
    found = of_kind("large", "ScaledObject")[f"worker-{queue}"]["spec"]["triggers"]
    return {trigger["type"]: trigger for trigger in found}


def query(queue: Queue) -> str:
    return triggers(queue)["postgresql"]["metadata"]["query"]


def counted(database: Database, queue: Queue) -> int:
    with database.read() as session:
        return session.execute(text(query(queue))).scalar_one()


def new_job(database: Database) -> str:
    with database.write() as session:
        return create(session, an_order(), max_clones=0, training_typical_s=4.0)


def test_every_object_of_keda_has_documented_fields_only() -> None:
    found = [one for kind in SCHEMAS for one in of_kind("large", kind).values()]
    assert len(found) == len(Queue) + 1
    for one in found:
        jsonschema.validate(one, SCHEMAS[one["kind"]])


def test_a_field_that_keda_does_not_document_is_seen() -> None:
    wrong = copy.deepcopy(of_kind("large", "ScaledObject")["worker-audio"])
    wrong["spec"]["triggers"][0]["metadata"]["targetQuery"] = "2"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMAS["ScaledObject"])


@pytest.mark.parametrize("queue", Queue)
def test_a_scaler_scales_its_workers(queue: Queue) -> None:
    spec = of_kind("large", "ScaledObject")[f"worker-{queue}"]["spec"]
    assert spec["scaleTargetRef"]["name"] in of_kind("large", "Deployment")
    assert 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] < spec["maxReplicaCount"]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    like_it = copy.deepcopy(of_kind("small", "HorizontalPodAutoscaler")[f"worker-{queue}"])
    like_it["spec"]["behavior"] = behavior
    kubernetes_validate.validate(like_it, "1.37", strict=True)
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 300
    assert triggers(queue)["postgresql"]["authenticationRef"]["name"] in of_kind("large", "TriggerAuthentication")
    assert "cpu" in triggers(queue)
    by_load = of_kind("small", "HorizontalPodAutoscaler")[f"worker-{queue}"]["spec"]
    assert by_load["scaleTargetRef"]["name"] == f"worker-{queue}"
    assert not of_kind("large", "HorizontalPodAutoscaler"), "two scalers of one Deployment would fight"


@pytest.mark.parametrize("queue", [Queue.AUDIO, Queue.VENDOR])
def test_a_worker_is_asked_for_as_much_as_it_runs_at_once(queue: Queue) -> None:
    environment = container_of(of_kind("large", "Deployment")[f"worker-{queue}"])["env"]
    threads = next(one["value"] for one in environment if one["name"] == "CLONEPIPE_WORKER_THREADS")
    assert triggers(queue)["postgresql"]["metadata"]["targetQueryValue"] == threads


@pytest.mark.parametrize("queue", [Queue.AUDIO, Queue.VENDOR])
def test_jobs_that_could_run_and_that_run_are_counted(database: Database, queue: Queue) -> None:
    ids = [new_job(database) for _ in range(5)]
    with database.write() as session:
        session.execute(update(Job).values(queue=queue))
    assert counted(database, queue) == 5
    assert counted(database, next(other for other in (Queue.AUDIO, Queue.VENDOR) if other != queue)) == 0
    must_take(database, ids[0])
    with database.write() as session:
        session.execute(update(Job).where(Job.id == ids[0]).values(due_at=db_now(600)))  # it runs all the same
        session.execute(update(Job).where(Job.id == ids[1]).values(due_at=db_now(600)))  # it waits
        session.execute(update(Job).where(Job.id == ids[2]).values(outcome=Outcome.DONE))
        session.execute(update(Job).where(Job.id == ids[3]).values(lease_until=db_now(-5)))  # its worker died
    with database.read() as session:
        could_run = session.scalar(select(func.count()).select_from(Job).where(*runnable(queue)))
    assert could_run == 2
    assert counted(database, queue) == could_run + 1


def test_endpoints_that_are_due_something_are_counted(database: Database) -> None:
    with database.write() as session:
        made = [
            endpoints.create(session, VAULT, keys.MAIN_ACCOUNT, NewEndpoint(f"https://hooks.example.com/{number}"))[
                0
            ].id
            for number in range(6)
        ]
    assert counted(database, Queue.CALLBACK) == 0
    changes: list[dict] = [
        {}, {"next_due_at": db_now(600)}, {"is_active": False}, {"paused_until": db_now(600)},
        {"paused_until": db_now(-5)}, {"kind": EndpointKind.LISTENER},
    ]  # fmt: skip
    with database.write() as session:
        session.execute(update(WebhookEndpoint).values(next_due_at=db_now(-1)))
        for endpoint_id, values in zip(made, changes, strict=True):
            if values:
                session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(**values))
    assert counted(database, Queue.CALLBACK) == 2
    with database.write() as session:
        assert lines.claim(session, made[0], lease_s=30) is not None
    assert counted(database, Queue.CALLBACK) == 2, "one that is in hand still needs its worker"


@pytest.fixture
def as_scaler(database: Database) -> Iterator[Callable[[], Connection]]:
    """A connection of the role that deploy/README.md makes for KEDA."""
    block = re.search(r"```sql\n(.*?GRANT.*?)```", (DEPLOY / "README.md").read_text(), re.DOTALL)
    assert block is not None
    engine = create_engine(database.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        role = f"scaler_{connection.scalar(text('SELECT md5(random()::text)'))}"
        for statement in block[1].replace("clonepipe_scaler", role).split(";"):
            if statement.strip():
                connection.execute(text(statement))
        connection.execute(text(f"SET ROLE {role}"))
        yield lambda: connection
        connection.execute(text("RESET ROLE"))
        connection.execute(text(f"DROP OWNED BY {role}"))
        connection.execute(text(f"DROP ROLE {role}"))
    engine.dispose()


def test_the_role_of_the_scaler_may_count_and_nothing_else(as_scaler: Callable[[], Connection]) -> None:
    for queue in Queue:
        assert as_scaler().execute(text(query(queue))).scalar_one() == 0
    for forbidden in ("SELECT url FROM webhook_endpoints", "SELECT id FROM jobs", "UPDATE jobs SET queue = 'audio'"):
        with pytest.raises(Exception, match="permission denied"):
            as_scaler().execute(text(forbidden))
