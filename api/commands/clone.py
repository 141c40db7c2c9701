"""`clonepipe clone` and `clonepipe status`: upload recordings, watch the stages, see what came of it."""

import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from api.client import Client, Order, Refused, Seen
from api.commands.outcome import EXIT_FAILED, EXIT_WAITED, outcome_table
from api.sources import readable, regular_files
from shared.errors import SetupError
from shared.settings import settings
from shared.states import SPAN_OF, Stage

_WAIT_S: Final = 20.0  # that one request waits for news
_AGAIN_AFTER_S: Final = 0.3
_PATIENCE_S: Final = 20.0

Files = Annotated[
    list[Path], typer.Argument(help="Recordings of the voice", exists=True, dir_okay=False, readable=True)
]


def _seconds(value: float) -> float:
    """Return a time to wait. Raises: BadParameter."""
    if not (math.isfinite(value) and value >= 0):
        raise typer.BadParameter(f"{value:g} is no time to wait; give seconds, or 0 for no limit.")
    return value


AsJson = Annotated[bool, typer.Option("--json", help="Print the clone as JSON, and nothing else")]
Timeout = Annotated[
    float, typer.Option("--timeout", callback=_seconds, help="Seconds that --wait waits at most; 0 is no limit")
]


def clone(
    files: Files,
    name: Annotated[str, typer.Option(help="What the clone shall be called")],
    vendor: Annotated[str | None, typer.Option(help="Who trains the voice")] = None,
    engine: Annotated[str | None, typer.Option(help="Which of the vendor's products")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for")] = None,
    language: Annotated[str | None, typer.Option(help="Language tag, such as en or pt-BR")] = None,
    gender: Annotated[str | None, typer.Option(help="male, female or neutral")] = None,
    denoise: Annotated[str | None, typer.Option(help="auto, on or off")] = None,
    trim: Annotated[str | None, typer.Option(help="auto or off")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Repeat an order with the same key, and it makes no second clone")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the clone is ready or failed")] = False,
    timeout_s: Timeout = 0.0,
    as_json: AsJson = False,
) -> None:
    """Create a voice clone from recordings.

    Exit codes:

    0  accepted; with --wait: ready
    1  refused or failed
    2  the service cannot be reached, or the command is wrong
    3  still processing when --timeout ran out
    """
    wishes = {
        "name": name, "vendor": vendor, "engine": engine, "description": description, "language": language,
        "gender": gender, "denoise": denoise, "trim": trim,
    }  # fmt: skip
    fields = {field: readable(value) for field, value in wishes.items() if value is not None}
    client = Client.from_settings(settings())
    with regular_files(files, settings().max_file_bytes) as regular:
        order = Order(regular, fields, idempotency_key)
        code = run(client, order, wait=wait, timeout_s=timeout_s, as_json=as_json)
    raise typer.Exit(code)


def run(client: Client, order: Order, *, wait: bool, timeout_s: float = 0.0, as_json: bool = False) -> int:
    """Upload, watch if asked to, print the outcome; return the exit code. Bars are drawn only on a terminal."""
    console = Console(stderr=True)
    with bars_on(console, hidden=as_json or not sys.stderr.isatty()) as bars:
        created = _upload(client, order, bars)
        voice_id = created["voiceId"]
        if not as_json:
            console.print(f"accepted as [bold]{voice_id}[/] by {created['vendor']}/{created['engine']}", soft_wrap=True)
        try:
            final = watch(client, voice_id, bars, timeout_s=timeout_s) if wait else created
        except BaseException:
            # Whatever ends the watching, a Ctrl-C or a service that is gone: the clone exists and goes on.
            bars.stop()
            console.print(f"It goes on without us; 'clonepipe status {voice_id}' shows how far it is.", soft_wrap=True)
            raise
    return show(client, final, as_json=as_json, waited=wait)


def bars_on(console: Console, *, hidden: bool) -> Progress:
    """Return bars that show how far a clone is."""
    return Progress(
        TextColumn("{task.description:<9}"), BarColumn(bar_width=40), TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(), TextColumn("[dim]{task.fields[note]}"), console=console, disable=hidden,
    )  # fmt: skip


def _upload(client: Client, order: Order, bars: Progress) -> dict[str, Any]:
    count, total_bytes = len(order.files), sum(path.stat().st_size for path in order.files)
    note = f"{count} file{'s' * (count > 1)}, {total_bytes / 1e6:.1f} MB"
    bar = bars.add_task("upload", total=max(1, total_bytes), note=note)
    created = client.create(order, lambda sent_bytes: bars.update(bar, completed=min(sent_bytes, total_bytes)))
    bars.update(bar, completed=max(1, total_bytes))
    return created


def watch(client: Client, voice_id: str, bars: Progress, *, timeout_s: float) -> dict[str, Any]:
    """Follow a clone to its end, or until the time is up."""
    stages = _StageBars(bars)
    deadline_s = time.monotonic() + timeout_s if timeout_s else float("inf")
    seen: Seen | None = None
    while True:
        seen = _patiently(client, voice_id, seen, deadline_s)
        stages.show(seen.clone)
        if seen.clone["isTerminal"] or time.monotonic() >= deadline_s:
            return seen.clone


class _StageBars:
    """One bar a stage, each begun when its stage is; plain lines where nobody looks."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._ids = {stage: bars.add_task(stage, total=1.0, start=False, note="") for stage in Stage}
        self._told: tuple[Any, ...] = ()

    def show(self, clone: Mapping[str, Any]) -> None:
        """Bring the bars to where the clone is."""
        now, done = clone["stage"], clone["training_progress"]
        if self._bars.disable and self._told != (now, done):
            self._told = (now, done)
            typer.echo(f"{now or clone['status']} {done} %", err=True)
        for stage, bar in self._ids.items():
            first, last = SPAN_OF[stage]
            fraction = 1.0 if clone["status"] == "ready" else min(max((done - first) / (last - first), 0.0), 1.0)
            if fraction > 0 or now == stage:
                self._bars.start_task(bar)
            note = f"waiting for {clone['waitingFor']}" if clone["waitingFor"] and now == stage else ""
            self._bars.update(bar, completed=fraction, note=note)
            if fraction == 1.0:
                self._bars.stop_task(bar)


def _patiently(client: Client, voice_id: str, seen: Seen | None, deadline_s: float) -> Seen:
    """Wait until the clone has changed; a service that is being restarted, or that says when to come, is waited for."""
    ends_at_s = None
    while True:
        wait_s = 0.0 if seen is None else min(_WAIT_S, max(0.0, deadline_s - time.monotonic()))
        try:
            return client.follow(voice_id, seen, wait_s)
        except SetupError:
            pause_s = _AGAIN_AFTER_S
            ends_at_s = ends_at_s or min(time.monotonic() + _PATIENCE_S, deadline_s)
            if time.monotonic() > ends_at_s:
                raise
        except Refused as refusal:
            if refusal.retry_after_s is None or time.monotonic() + refusal.retry_after_s > deadline_s:
                raise
            pause_s = max(refusal.retry_after_s, _AGAIN_AFTER_S)
        time.sleep(pause_s)


def show(client: Client, clone: Mapping[str, Any], *, as_json: bool, waited: bool) -> int:
    """Print a clone; return the exit code that it means."""
    if as_json:
        typer.echo(json.dumps(clone, ensure_ascii=False, indent=2))
    else:
        report = client.report(clone["voiceId"]) if clone["isTerminal"] else None
        Console().print(outcome_table(clone, report))
    if clone["status"] == "failed":
        return EXIT_FAILED
    return EXIT_WAITED if waited and not clone["isTerminal"] else 0


def status(
    voice_id: Annotated[str, typer.Argument(help="The clone's id, vc_…")],
    as_json: AsJson = False,
) -> None:
    """Show a clone: its status, its progress and, once it ended, what was done to the sound."""
    client = Client.from_settings(settings())
    raise typer.Exit(show(client, client.get(voice_id), as_json=as_json, waited=False))
