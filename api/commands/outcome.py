"""How a clone is shown in a terminal: one table for the clone, one for its recordings, one for what was sent."""

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from api.commands.sound import recordings_table, sent_table, shown

EXIT_FAILED: Final = 1
EXIT_WAITED: Final = 3
COLOURS: Final = {"ready": "green", "failed": "red", "processing": "yellow"}


def outcome_table(clone: Mapping[str, Any], report: Mapping[str, Any] | None) -> Group:
    """Return what a person wants to know of a clone; `report` is as the service answers it, or None."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for label, value in _lines(clone):
        table.add_row(label, value)
    for warning in clone["warnings"]:
        table.add_row("warning", Text(shown(f"{warning['filename']}: {warning['warning']}"), style="yellow"))
    parts: list[Any] = [table]
    if report:
        parts += [Text(""), recordings_table(report["samples"])]
    if report and report["sent"]:
        parts += [Text(""), sent_table(report["sent"], report["samples"])]
    if clone.get("notice"):
        parts += [Text(""), Text(clone["notice"], style="italic yellow")]
    return Group(*parts)


def _lines(clone: Mapping[str, Any]) -> list[tuple[str, Text]]:
    status = clone["status"]
    lines = [
        ("clone", Text(shown(f"{clone['voiceId']}  {clone['name']}"))),
        ("status", Text(f"{status} ({clone['training_progress']} %)", style=COLOURS[status])),
        ("vendor", Text(f"{clone['vendor']}/{clone['engine']}")),
    ]
    if clone["vendorVoiceId"]:
        lines.append(("voice id", Text(clone["vendorVoiceId"])))
    if clone["stage"]:
        waiting = f", waiting for {clone['waitingFor']}" if clone["waitingFor"] else ""
        lines.append(("stage", Text(f"{clone['stage']}{waiting}")))
    if clone["error_message"]:
        lines.append(("why", Text(shown(f"{clone['errorCode']}: {clone['error_message']}"), style="red")))
    return lines
