"""The Compose file run without Docker: the same commands with the same environment, as processes of this machine.

What a network of containers gives by names (`database`, `broker`, `storage`) is given by the addresses of servers on
the loopback, and each container's own volume by a folder. Health, order, grace and signals are those of the file.
"""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.deploy.compose import Service, processes, seconds
from tests.processes import until
from tests.servers import free_ports

_PROGRAM: Final = Path(sys.executable).with_name("clonepipe")
_PORT: Final = "8000"  # that the API's container listens on, and its health check asks
_METRICS_PORT: Final = "9464"  # ... and that every container tells its figures and its health on
_ABOVE: Final = 10_000  # the second port of a process: `free_ports` looks whether that is free, too
_SLOWER: Final = 4  # a machine that has to do everything at once


@dataclass
class Container:
    """One process in the place of a container."""

    service: Service
    number: int
    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    environment: Mapping[str, str]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """End it as Compose does. Its grace must be enough: after it a container is killed."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(self.service.grace_s)
        assert code in (0, -signal.SIGTERM), f"{self.service.name} ended with {code}\n{self.log[-3000:]}"

    def is_healthy(self) -> bool:
        """Run the file's health check; without one it is enough to run."""
        assert self.process.poll() is None, f"{self.service.name} ended\n{self.log[-3000:]}"
        check = self.service.written.get("healthcheck")
        if check is None:
            return True
        kind, program, *rest = check["test"]
        assert kind == "CMD", check["test"]
        assert program in ("python", "clonepipe"), check["test"]
        words = [word.replace(f":{_PORT}", f":{self.port}") for word in rest]
        words = [word.replace(f":{_METRICS_PORT}", f":{self.port + _ABOVE}") for word in words]
        command = [sys.executable if program == "python" else str(_PROGRAM), *words]
        patience_s = seconds(check["timeout"]) * _SLOWER
        try:
            done = subprocess.run(command, capture_output=True, env=self.environment, timeout=patience_s, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


@dataclass
class Project:
    """What `docker compose` does, for the services that are ours."""

    folder: Path
    addresses: Mapping[str, str]  # settings that lead to servers which have other names here
    extra: Mapping[str, str]  # settings that a test needs beside the file's
    containers: dict[str, list[Container]] = field(default_factory=lambda: defaultdict(list))
    logs: list[Path] = field(default_factory=list)
    _made: int = 0

    def up(self) -> None:
        """Start every service after what it depends on, as many of each as the file says."""
        services = processes()
        migrate = self._start(services["migrate"])
        assert migrate.process.wait(300) == 0, migrate.log
        for name, service in services.items():
            if name != "migrate":
                assert "migrate" in service.written["depends_on"]
                self.scale(name, service.written.get("deploy", {}).get("replicas", 1))

    def scale(self, name: str, count: int) -> None:
        """Have so many of a service: `docker compose up --scale NAME=COUNT`; the newest go first."""
        running = self.containers[name]
        while len(running) > count:
            running.pop().stop()
        while len(running) < count:
            running.append(self._start(processes()[name]))
        for container in running:
            self._await(container)

    def roll(self, name: str) -> None:
        """Put a new container in the place of each, one after the other, on the port of the old one."""
        for place, old in enumerate(self.containers[name]):
            old.stop()
            self.containers[name][place] = new = self._start(old.service, old.port)
            self._await(new)

    def stop(self) -> None:
        """Stop every service, those that depend on others first."""
        for name in reversed(list(self.containers)):
            self.scale(name, 0)

    def kill(self) -> None:
        """Leave nothing running, whatever happened."""
        for container in [one for running in self.containers.values() for one in running]:
            container.process.kill()
            container.process.wait()

    def events(self, *names: str) -> list[str]:
        """Return the lines that any container has ever logged of these events."""
        lines = [line for log in self.logs for line in log.read_text(errors="replace").splitlines()]
        return [line for line in lines if any(f'"event": "{name}"' in line for name in names)]

    def _start(self, service: Service, port: int | None = None) -> Container:
        self._made += 1
        folder = self.folder / f"{service.name}-{self._made}"
        folder.mkdir()
        port = port or free_ports(1)[0]
        own = {
            "CLONEPIPE_DATA_DIR": str(folder), "NUMBA_CACHE_DIR": str(self.folder / "numba"),
            "CLONEPIPE_HOST": "127.0.0.1", "CLONEPIPE_PORT": str(port), "CLONEPIPE_METRICS_PORT": str(port + _ABOVE),
        }  # fmt: skip
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("CLONEPIPE_", "AWS_"))}
        known = {name: value for name, value in self.addresses.items() if name in service.settings}
        settings = {name: value for name, value in service.settings.items() if name != "PATH"}
        environment = outside | settings | known | self.extra | own
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(_PROGRAM), *service.command], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.logs.append(folder / "log")
        return Container(service, self._made, folder, process, port, environment)

    def _await(self, container: Container) -> None:
        """Wait until a container is healthy, for as long as Compose would wait, on a slower machine."""
        check: dict[str, Any] = container.service.written.get("healthcheck", {})
        looks_s = seconds(check.get("interval", "0s")) * check.get("retries", 0)
        lasts_s = _SLOWER * max(30, seconds(check.get("start_period", "0s")) + looks_s)
        assert until(container.is_healthy, lasts_s, 0.5), container.log[-3000:]


@contextmanager
def running(folder: Path, addresses: Mapping[str, str], extra: Mapping[str, str]) -> Iterator[Project]:
    """Run the file's services for the length of the block."""
    project = Project(folder, addresses, extra)
    try:
        project.up()
        yield project
    finally:
        project.kill()
