"""A supervisor in a process of its own, with children of a line each, for the tests of `up`."""

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from api.supervisor import ChildSpec

DRIVER = """
import json, sys, threading
from api.supervisor import ChildSpec, Patience, supervise
asked = json.loads(sys.argv[1])
specs = [ChildSpec(one["name"], tuple(one["command"]), one["env"], tuple(one["pass_fds"])) for one in asked["specs"]]
def ready(stopping):
    print("banner", flush=True)
    print("stopped" if stopping.wait(20) else "never stopped", flush=True)
    told.set()
told = threading.Event()
code = supervise(specs, patience=Patience(**asked["patience"]), ready=ready if asked["banner"] else None)
if asked["banner"]:
    told.wait(20)  # the hook's thread does not keep a process from ending
sys.exit(code)
"""
LIVE = "from shared import leash; leash.watch(); import os, time; print('process', os.getpid()); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {LIVE}"
ONCE = (
    "import pathlib, sys; mark = pathlib.Path(sys.argv[1]); first = not mark.exists(); mark.touch(); {death}; " + LIVE
)


class Up:
    """A supervisor in a process of its own, read line by line."""

    def __init__(
        self, specs: list[ChildSpec], *, banner: bool = False, stdout: Any = subprocess.PIPE, **patience: Any
    ) -> None:
        asked = {"specs": [dataclasses.asdict(spec) for spec in specs], "patience": patience, "banner": banner}
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, json.dumps(asked)],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[number for spec in specs for number in spec.pass_fds],
        )
        self.lines: list[str] = []

    def hears(self, pattern: str) -> re.Match[str]:
        """Return the first match in a line from here on."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no {pattern!r} in {self.lines}")

    def process_of(self, name: str) -> int:
        return int(self.hears(rf"^{name} +\| process (\d+)")[1])

    def processes_of(self, *names: str) -> list[int]:
        found: dict[str, int] = {}
        while found.keys() != set(names):
            match = self.hears(r"^(\w+) +\| process (\d+)")
            found[match[1]] = int(match[2])
        return [found[name] for name in names]

    def end(self) -> tuple[int, str]:
        """Return the exit code and what was said on stderr."""
        rest, complaints = self.process.communicate(timeout=20)
        self.lines += (rest or "").splitlines()
        return self.process.returncode, complaints

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)


Start = Callable[..., Up]


def child(name: str, program: str, *arguments: object, **more: Any) -> ChildSpec:
    return ChildSpec(name, (sys.executable, "-c", program, *map(str, arguments)), **more)
