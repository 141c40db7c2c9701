"""The image: a linter is content, it is made of what is locked, and its process is not root and hears signals."""

import re
import subprocess
import sys
from pathlib import Path

from api.program import app
from shared.settings import settings, unknown_settings
from tests.deploy.image import DOCKERFILE, HOUSE, IGNORE, environment, instructions

LAST = max(one.stage for one in instructions())


def the_last(word: str) -> str:
    return [one.rest for one in instructions() if one.word == word and one.stage == LAST][-1]


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    said = subprocess.run(
        [linter, "--failure-threshold", "style", "--disable-ignore-pragma", DOCKERFILE], capture_output=True, text=True
    )
    assert (said.stdout, said.returncode) == ("", 0)


def test_every_stage_begins_at_one_exact_version() -> None:
    bases = {one.rest.split(" AS ")[0] for one in instructions() if one.word == "FROM"}
    assert bases == {"${PYTHON_IMAGE}"}
    pinned = next(one.rest for one in instructions() if one.word == "ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", pinned)


def test_what_is_installed_is_what_is_locked() -> None:
    installs = [one.rest for one in instructions() if one.word == "RUN" and " install " in one.rest]
    packages = [line for line in installs if "requirements.lock" in line]
    assert len(packages) == 1
    assert "--require-hashes" in packages[0]
    assert "--only-binary :all:" in packages[0]
    others = [line for line in installs if line not in packages and "pip" in line and " install " in line]
    assert all("--no-deps" in line or "pip uninstall" in line for line in others)


def test_the_last_stage_holds_nothing_to_build_with() -> None:
    runs = " ".join(one.rest for one in instructions() if one.word == "RUN" and one.stage == LAST)
    assert "pip uninstall --yes" in runs
    assert "pip install" not in runs
    assert not re.search(r"\b(apt|apt-get|gcc|build-essential|curl|wget)\b", runs)
    built = " ".join(one.rest for one in instructions() if one.word == "RUN" and one.stage < LAST)
    assert "uninstall --yes setuptools" in built


def test_its_process_is_ours_and_hears_signals() -> None:
    entry = next(one for one in instructions() if one.word == "ENTRYPOINT")
    assert entry.arguments == ["/opt/clonepipe/bin/clonepipe"]  # no shell stands between a signal and us
    offered = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert {"api", "relay", "worker", "migrate"} <= offered
    default = next(one for one in instructions() if one.word == "CMD")
    assert set(default.arguments) <= offered


def test_it_is_not_root_and_can_be_seen_not_to_be() -> None:
    user, _, group = the_last("USER").partition(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000


def test_its_settings_are_settings(monkeypatch) -> None:
    ours = {name: value for name, value in environment().items() if name.startswith("CLONEPIPE_")}
    assert unknown_settings(ours) == ()
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    chosen = settings()
    settings.cache_clear()
    assert (chosen.host, chosen.log_format, chosen.data_dir) == ("0.0.0.0", "json", Path("/var/lib/clonepipe"))


def test_the_context_is_what_is_copied_and_no_more() -> None:
    lines = [line for line in IGNORE.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for one in instructions()
        if one.word == "COPY" and "--from=" not in one.rest
        for source in one.sources
    }
    assert let_in == copied
    assert all((HOUSE / name).exists() for name in copied)
