"""`make policy`: checkov's rules for the image and both overlays. What it objects to is mended, or has its reason here.

checkov pins older versions of what the product stands on and brings ninety packages, so it lives in an environment of
its own and is no part of `make check`. It asks nobody: what it would download are texts about its rules.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy.image import DOCKERFILE, HOUSE
from tests.deploy.manifests import OVERLAYS, rendered

_EVERY: Final = ("api", "migrate", "relay", "worker-audio", "worker-callback", "worker-vendor")


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why a rule is not kept, and by whom: an object's name, or the Dockerfile's."""

    rule: str
    of: tuple[str, ...]
    reason: str


EXCUSES: Final = (
    Excuse("CKV_DOCKER_7", ("Dockerfile",), "The tag is exact, and an argument, so that a digest can be given."),
    Excuse("CKV_K8S_15", _EVERY, "A tag is a version and never moves; a registry that is down must stop no restart."),
    Excuse("CKV_K8S_35", _EVERY, "Settings are read from the environment, and from nowhere else."),
    Excuse("CKV_K8S_43", _EVERY, "The registry is the operator's: who pushes an image knows its digest."),
)  # fmt: skip


def failures(checkov: str) -> set[tuple[str, str]]:
    """Return what checkov objects to, as rule and object."""
    found: set[tuple[str, str]] = set()
    with tempfile.TemporaryDirectory() as folder:
        files = [str(DOCKERFILE)]
        for overlay in OVERLAYS:
            path = Path(folder) / f"{overlay}.yaml"
            path.write_text(yaml.safe_dump_all(rendered(overlay)))
            files.append(str(path))
        command = [checkov, "--skip-download", "--compact", "--soft-fail", "--output", "json"]
        command += ["--framework", "dockerfile", "kubernetes", *(word for file in files for word in ("--file", file))]
        said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOUSE)
    reports: list[dict[str, Any]] = json.loads(said.stdout)
    if {report["check_type"] for report in reports} != {"dockerfile", "kubernetes"}:
        raise SystemExit(f"checkov did not look at everything:\n{said.stdout[:2000]}")
    for report in reports:
        for one in report["results"]["failed_checks"]:
            name = "Dockerfile" if report["check_type"] == "dockerfile" else one["resource"].rpartition(".")[2]
            found.add((one["check_id"], name))
    return found


def main(checkov: str) -> int:
    """Print what is neither kept nor excused, and excuses that nobody needs; return the exit code."""
    excused = {(excuse.rule, name) for excuse in EXCUSES for name in excuse.of}
    found = failures(checkov)
    for rule, name in sorted(found - excused):
        sys.stdout.write(f"{name} does not keep {rule}\n")
    for rule, name in sorted(excused - found):
        sys.stdout.write(f"{name} keeps {rule}: its excuse is not needed\n")
    if found == excused:
        sys.stdout.write(f"{len(EXCUSES)} rules are not kept, each for its reason; all others are\n")
    return int(found != excused)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
