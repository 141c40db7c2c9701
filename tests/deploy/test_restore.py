"""What deploy/README.md says of backing up and restoring, with PostgreSQL's own programs on a real server."""

import re
import subprocess
from pathlib import Path

from sqlalchemy import MetaData, create_engine, make_url, select
from sqlalchemy.engine import URL

from shared import keys
from shared.clones import create
from shared.db.engine import Database
from shared.db.migrate import is_current, upgrade
from tests.conftest import an_order
from tests.contracts.test_claims import must_take
from tests.databases import PostgresServer
from tests.deploy.compose import DEPLOY


def command_of_the_page(program: str, url: URL) -> list[str]:
    """Return a program's options as the page gives them, for a server on a socket and a database of another name."""
    line = re.search(rf"exec -T database {program} (.+?) [<>] clonepipe\.dump", (DEPLOY / "README.md").read_text())
    assert line is not None
    words = line[1].replace("--username clonepipe", "--username postgres").split()
    words = [str(url.database) if word == "clonepipe" else word for word in words]
    return [f"--host={url.query['host']}", *words]


def rows(url: URL) -> dict[str, list[tuple]]:
    """Return all rows of all tables."""
    engine = create_engine(url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in tables.sorted_tables
        }
    engine.dispose()
    return found


def test_a_backup_is_restored_with_all_its_rows_and_goes_on(postgres: PostgresServer, tmp_path: Path) -> None:
    programs = Path((postgres.folder / "postmaster.opts").read_text().split()[0]).parent
    old, new = (make_url(postgres.new_database(migrated=migrated)) for migrated in (True, False))
    database = Database(old.render_as_string(hide_password=False))
    keys.ensure_bootstrap(database, "a-key-of-the-operator")
    with database.write() as session:
        job_id = create(session, an_order(), max_clones=0, training_typical_s=4.0)
    database.dispose()
    dump = tmp_path / "clonepipe.dump"
    with dump.open("wb") as sink:
        subprocess.run([programs / "pg_dump", *command_of_the_page("pg_dump", old)], stdout=sink, check=True)
    with dump.open("rb") as source:
        subprocess.run([programs / "pg_restore", *command_of_the_page("pg_restore", new)], stdin=source, check=True)
    kept = rows(old)
    assert kept["jobs"]
    assert rows(new) == kept
    restored = Database(new.render_as_string(hide_password=False))
    upgrade(restored)
    assert is_current(restored)
    must_take(restored, job_id)
    restored.dispose()
