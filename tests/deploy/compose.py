"""The Compose file as Compose reads it: its variables filled in from an environment file that `make-env` has made."""

import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from shared.states import Queue
from tests.deploy.image import HOUSE, environment

DEPLOY: Final = HOUSE / "deploy"
EXAMPLE: Final = DEPLOY / ".env.example"
_VARIABLE: Final = re.compile(r"\$\{(\w+)(:-|:\?)?([^}]*)\}")
_UNITS_S: Final = {"s": 1, "m": 60}


def made_environment() -> dict[str, str]:
    """Return what `deploy/make-env` writes, as Compose reads it."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "env"
        subprocess.run([DEPLOY / "make-env", written], check=True)
        lines = [line for line in written.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def variables() -> set[str]:
    """Return the names that the file takes from its environment."""
    return {match[1] for match in _VARIABLE.finditer((DEPLOY / "compose.yaml").read_text())}


def filled(given: dict[str, str]) -> dict[str, Any]:
    """Return the file with its variables filled in. Raises: KeyError: one that must be given is not."""

    def value(match: re.Match[str]) -> str:
        name, kind, default = match.groups()
        return (given.get(name) or default) if kind == ":-" else given[name]

    def fill(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: fill(one) for key, one in node.items()}
        if isinstance(node, list):
            return [fill(one) for one in node]
        return _VARIABLE.sub(value, node) if isinstance(node, str) else node

    filled_in: dict[str, Any] = fill(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))
    return filled_in


def seconds(duration: str) -> int:
    return int(duration[:-1]) * _UNITS_S[duration[-1]]


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the file."""

    name: str
    written: dict[str, Any]
    image: dict[str, str] = field(default_factory=environment)

    @property
    def is_ours(self) -> bool:
        return "build" in self.written

    @property
    def command(self) -> list[str]:
        return self.written["command"]

    @property
    def queues(self) -> set[Queue]:
        """Return what a worker serves; nothing for the others."""
        if self.command[0] != "worker":
            return set()
        return {Queue(name) for name in self.command[self.command.index("--queues") + 1].split(",")}

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment of its process: the image's and its own."""
        return self.image | self.written.get("environment", {})

    @property
    def grace_s(self) -> int:
        return seconds(self.written["stop_grace_period"])


@cache
def services() -> dict[str, Service]:
    written = filled(made_environment())["services"]
    return {name: Service(name, service) for name, service in written.items()}


def processes() -> dict[str, Service]:
    """Return the services that are ours."""
    return {name: service for name, service in services().items() if service.is_ours}
