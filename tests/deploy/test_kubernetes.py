"""The manifests: by the schemas of Kubernetes, pods with little power, secrets by reference, and what fits together."""

import tomllib

import kubernetes_validate
import pytest
import typer

from api.program import app
from shared.settings import unknown_settings
from shared.states import Queue
from tests.deploy.image import HOUSE, instructions
from tests.deploy.manifests import (
    OVERLAYS,
    WORKLOADS,
    container_of,
    environment_of,
    labels_of,
    of_kind,
    pod_of,
    rendered,
    selects,
)

CASES = [(overlay, name) for overlay in OVERLAYS for name in of_kind(overlay, *WORKLOADS)]
SECRET_WORDS = ("PASSWORD", "SECRET", "KEY", "DATABASE_URL", "BROKER_URL")
VERSION = "1.37"


def workload_of(overlay: str, name: str) -> dict:
    return of_kind(overlay, *WORKLOADS)[name]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_follows_its_schema(overlay: str) -> None:
    checked = 0
    for manifest in rendered(overlay):
        if not manifest["apiVersion"].startswith("keda.sh/"):  # those are held by test_scaling.py
            kubernetes_validate.validate(manifest, VERSION, strict=True)
            checked += 1
    assert checked > 15


def test_a_field_that_does_not_exist_is_seen() -> None:
    manifest = workload_of("small", "api") | {}
    manifest["spec"] = manifest["spec"] | {"replica": 2}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, VERSION, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_there_is_a_workload_for_every_process_and_queue(overlay: str) -> None:
    workers = {f"worker-{queue}" for queue in Queue}
    assert set(of_kind(overlay, "Deployment")) == {"api", "relay", *workers}
    assert set(of_kind(overlay, "Job")) == {"migrate"}
    assert of_kind(overlay, "Deployment")["relay"]["spec"]["replicas"] == 2
    for queue in Queue:
        worker = of_kind(overlay, "Deployment")[f"worker-{queue}"]
        assert container_of(worker)["args"] == ["worker", "--queues", queue.value]
        assert "replicas" not in worker["spec"], "the scaler says how many; an apply must not take that back"


@pytest.mark.parametrize(("overlay", "name"), CASES)
def test_the_command_of_a_process_can_be_parsed(overlay: str, name: str) -> None:
    container = container_of(workload_of(overlay, name))
    assert "command" not in container, "the image's own entry point hears the signals"
    first, *rest = container["args"]
    command = typer.main.get_command(app).commands[first]  # type: ignore[attr-defined]
    command.make_context(first, rest)


@pytest.mark.parametrize(("overlay", "name"), CASES)
def test_a_pod_may_do_little(overlay: str, name: str) -> None:
    pod = pod_of(workload_of(overlay, name))
    user = next(one.rest for one in instructions() if one.word == "USER")
    security = pod["securityContext"]
    assert f"{security['runAsUser']}:{security['runAsGroup']}" == user
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container_of(workload_of(overlay, name))["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert all("hostPath" not in volume for volume in pod["volumes"])
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


@pytest.mark.parametrize(("overlay", "name"), CASES)
def test_what_must_be_writable_is(overlay: str, name: str) -> None:
    pod = pod_of(workload_of(overlay, name))
    mounts = {mount["mountPath"]: mount["name"] for mount in container_of(workload_of(overlay, name))["volumeMounts"]}
    assert set(mounts) == {"/var/lib/clonepipe", "/tmp"}
    assert {volume["name"] for volume in pod["volumes"] if "sizeLimit" in volume["emptyDir"]} == set(mounts.values())


@pytest.mark.parametrize(("overlay", "name"), CASES)
def test_settings_are_settings_and_secrets_are_referred_to(overlay: str, name: str) -> None:
    told = environment_of(overlay, workload_of(overlay, name))
    ours = {variable: value for variable, value in told.items() if variable.startswith("CLONEPIPE_")}
    assert unknown_settings(ours) == ()
    for variable, value in told.items():
        assert value.startswith("<") == any(word in variable for word in SECRET_WORDS), variable
    assert ("CLONEPIPE_BOOTSTRAP_API_KEY" in told) == (name == "api")
    assert {"CLONEPIPE_DATABASE_URL", "CLONEPIPE_BROKER_URL", "CLONEPIPE_STORAGE_URL", "CLONEPIPE_SECRET_KEY"} <= set(
        told
    )
    assert not of_kind(overlay, "Secret"), "no secret is written down here"


@pytest.mark.parametrize(("overlay", "name"), CASES)
def test_a_pod_asks_for_what_it_needs_and_is_held_to_it(overlay: str, name: str) -> None:
    resources = container_of(workload_of(overlay, name))["resources"]
    assert {"cpu", "memory"} <= set(resources["requests"])
    assert {"cpu", "memory"} <= set(resources["limits"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_image_is_of_this_version(overlay: str) -> None:
    version = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]["version"]
    images = {container_of(workload)["image"] for workload in of_kind(overlay, *WORKLOADS).values()}
    assert images == {f"registry.example.com/clonepipe:{version}"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_find_their_pods(overlay: str) -> None:
    pods = {name: labels_of(workload) for name, workload in of_kind(overlay, *WORKLOADS).items()}
    for name, deployment in of_kind(overlay, "Deployment").items():
        taken = [other for other, labels in pods.items() if selects(deployment["spec"]["selector"], labels)]
        assert taken == [name]
        spreads = pod_of(deployment)["topologySpreadConstraints"]
        assert all(selects(spread["labelSelector"], pods[name]) for spread in spreads)
        keys = {spread["topologyKey"] for spread in spreads}
        assert keys == {"kubernetes.io/hostname"} | ({"topology.kubernetes.io/zone"} if overlay == "large" else set())
    for name in ("api", "relay"):
        budget = of_kind(overlay, "PodDisruptionBudget")[name]["spec"]
        assert selects(budget["selector"], pods[name])
        assert budget["maxUnavailable"] == 1, "one that allows none would hold up a node's end for ever"
    assert of_kind(overlay, "Service")["api"]["spec"]["selector"].items() <= pods["api"].items()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_is_asked_at_addresses_that_it_has(overlay: str) -> None:
    from api.health import ROUTES

    container = container_of(of_kind(overlay, "Deployment")["api"])
    port = next(port for port in container["ports"] if port["name"] == "http")
    paths = {kind: container[kind]["httpGet"]["path"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert set(paths.values()) <= {route.path for route in ROUTES}
    assert str(port["containerPort"]) in {one.rest for one in instructions() if one.word == "EXPOSE"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_deployment_tells_its_figures_where_prometheus_looks(overlay: str) -> None:
    for deployment in of_kind(overlay, "Deployment").values():
        container = container_of(deployment)
        (port,) = [port["containerPort"] for port in container["ports"] if port["name"] == "metrics"]
        assert {"name": "CLONEPIPE_METRICS_PORT", "value": str(port)} in container["env"]
        annotations = deployment["spec"]["template"]["metadata"]["annotations"]
        assert annotations["prometheus.io/port"] == str(port)
        assert str(port) in {one.rest for one in instructions() if one.word == "EXPOSE"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_relay_and_a_worker_are_started_anew_only_when_they_stand_still(overlay: str) -> None:
    """Their monitoring port says so; whether servers are away is in `/readyz` alone (tests/shared/test_monitor.py)."""
    for name, deployment in of_kind(overlay, "Deployment").items():
        if name != "api":
            container = container_of(deployment)
            asked = {kind: container[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
            assert {one["port"] for one in asked.values()} == {"metrics"}
            assert [one["path"] for one in asked.values()] == ["/livez", "/livez", "/readyz"]
