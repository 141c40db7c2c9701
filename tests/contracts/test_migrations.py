"""The models and the migrations say the same on every database, and every earlier version can be brought up."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from shared.db import migrate
from shared.db.engine import Database
from shared.db.migrate import is_current, upgrade
from shared.db.models import Base, IdempotencyKey, Job, Sample
from tests.databases import KINDS, PostgresServer, sqlite_url
from worker.audio.measure.inspection import Inspection

SCRIPTS = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()]


@pytest.fixture(params=KINDS)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database(migrated=False)
        database = Database(url)
        yield database
        database.dispose()
        server.drop(url)
        return
    database = Database(sqlite_url(tmp_path))
    yield database
    database.dispose()


def tables_differ(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def write(database: Database, statement: str) -> None:
    with database.write() as session:
        session.execute(text(statement))


def test_a_migrated_database_has_exactly_the_models_tables(database: Database) -> None:
    assert tables_differ(database) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    upgrade(database)
    assert is_current(database)


def test_an_empty_database_is_not_current(empty_database: Database) -> None:
    assert not is_current(empty_database)


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_earlier_version_is_brought_up_with_its_rows(empty_database: Database, revision: str) -> None:
    upgrade(empty_database, revision)
    write(empty_database, "INSERT INTO accounts (id, clones_held, created_at) VALUES ('acc_old', 3, 1)")
    upgrade(empty_database)
    assert is_current(empty_database)
    assert tables_differ(empty_database) == []
    with empty_database.read() as session:
        assert session.execute(text("SELECT clones_held FROM accounts WHERE id = 'acc_old'")).scalar() == 3


OLD_ACCOUNT = "INSERT INTO accounts (id, clones_held, created_at) VALUES ('acc_old', 1, 1)"
OLD_CLONE = """INSERT INTO clones (id, account_id, name, vendor, engine, denoise, trim, labels, voice_settings,
    is_active, status, job_id, seq, created_at, updated_at) VALUES ('vc_old', 'acc_old', 'Anna', 'sandbox', 'default',
    'auto', 'auto', '{}', '{}', true, 'processing', 'job_old', 1, 1, 1)"""
OLD_SAMPLE = """INSERT INTO samples (id, clone_id, account_id, position, filename, container, size_bytes, sha256,
    object_key, inspection, prepared_key, preparation, created_at) VALUES ('smp_old', 'vc_old', 'acc_old', 0,
    'anna.wav', 'wav', 10, 'f', 'samples/a', '{"format": "wav", "codec": "pcm_s16le", "rate_hz": 48000, "channels": 1,
    "duration_s": 3.5, "header_duration_s": null, "mix": {"channel": null, "offset": 0.0}, "warnings": ["truncated: x"],
    "peak_dbfs": -3.0, "snr_db": 21.5, "speech_s": 3.0, "speech_share": 0.9, "speech_by": "energy"}', 'samples/b', '{}',
    1)"""
OLD_JOB = """INSERT INTO jobs (id, account_id, clone_id, vendor, engine, kind, stage, queue, progress, due_at, waits,
    attempt, fence, announcements, announce_at, created_at, updated_at, stage_started_at) VALUES ('job_old', 'acc_old',
    'vc_old', 'sandbox', 'default', 'create', '{stage}', 'vendor', 40, 1, 0, 0, 1, 0, 1, 1, 1, 1)"""
OLD_KEY = """INSERT INTO idempotency_keys (account_id, key, token, lease_until, status, body, created_at, expires_at)
    VALUES ('acc_old', 'k', 't', 1, 201, '{"success":true,"data":{"voiceId":"vc_old","name":"Anna"}}', 1, 1)"""


@pytest.fixture
def old_database(empty_database: Database) -> Database:
    """A database of version 0003 with a clone whose recording was measured and prepared by it."""
    upgrade(empty_database, "0003")
    with empty_database.engine.begin() as connection:
        for statement in (OLD_ACCOUNT, OLD_CLONE, OLD_SAMPLE, OLD_KEY):
            connection.exec_driver_sql(statement)
    return empty_database


def test_what_0003_measured_can_be_read_in_the_words_of_0004(old_database: Database) -> None:
    upgrade(old_database)
    with old_database.read() as session:
        found = session.get_one(Sample, "smp_old").inspection
        (answered,) = session.scalars(select(IdempotencyKey))
        assert answered.clone_id == "vc_old"
    assert found is not None
    inspection = Inspection.from_json(found)
    assert (inspection.duration_s, inspection.warnings, inspection.findings) == (3.5, ("truncated: x",), ())
    assert (inspection.measures.snr_db, inspection.measures.speech_by) == (21.5, "energy")
    assert inspection.measures.bandwidth_hz is None


@pytest.mark.parametrize(("stage", "then"), [("submit", ("prepare", "audio")), ("track", ("track", "vendor"))])
def test_what_0003_was_about_to_send_is_prepared_anew_by_0004(
    old_database: Database, stage: str, then: tuple[str, str]
) -> None:
    with old_database.engine.begin() as connection:
        connection.exec_driver_sql(OLD_JOB.format(stage=stage))
    upgrade(old_database)
    with old_database.read() as session:
        job = session.get_one(Job, "job_old")
        assert (job.stage, job.queue) == then


UPGRADE = "import sys; from shared.db.engine import Database; from shared.db.migrate import upgrade; "
UPGRADE += "upgrade(Database(sys.argv[1]))"


def test_two_processes_may_migrate_at_once(empty_database: Database) -> None:
    # Not multiprocessing: its children load this file first, and all that it imports, which on a busy machine takes
    # them longer than anybody would wait for a migration. What they die of is shown.
    command = [sys.executable, "-c", UPGRADE, empty_database.url.render_as_string(hide_password=False)]
    racers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    endings = [(racer.communicate(timeout=300)[1], racer.returncode) for racer in racers]
    assert endings == [("", 0)] * 3
    assert is_current(empty_database)
