"""The manifests as a cluster gets them: each overlay rendered by kubectl's own kustomize."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy.compose import DEPLOY

Manifest = dict[str, Any]
OVERLAYS: Final = ("small", "large")
WORKLOADS: Final = ("Deployment", "Job")


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """Return an overlay's objects. Nothing is asked of a cluster, and none is needed."""
    kubectl = Path(sys.executable).with_name("kubectl")
    folder = DEPLOY / "kubernetes" / "overlays" / overlay
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> dict[str, Manifest]:
    """Return the objects of these kinds by their names."""
    return {one["metadata"]["name"]: one for one in rendered(overlay) if one["kind"] in kinds}


def pod_of(workload: Manifest) -> Manifest:
    pod: Manifest = workload["spec"]["template"]["spec"]
    return pod


def container_of(workload: Manifest) -> Manifest:
    """Return a workload's one container."""
    (container,) = pod_of(workload)["containers"]
    return container


def labels_of(workload: Manifest) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Tell whether a label selector takes what has these labels."""
    for wanted in selector.get("matchExpressions", []):
        assert wanted["operator"] == "In"
        if labels.get(wanted["key"]) not in wanted["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def environment_of(overlay: str, workload: Manifest) -> dict[str, str]:
    """Return what a process is told: what is written, and for what a secret holds its key in angle brackets."""
    container = container_of(workload)
    maps = of_kind(overlay, "ConfigMap")
    told: dict[str, str] = {}
    for source in container["envFrom"]:
        told |= maps[source["configMapRef"]["name"]]["data"]
    for one in container["env"]:
        told[one["name"]] = one.get("value") or f"<{one['valueFrom']['secretKeyRef']['key']}>"
    return told
