"""How a clone is shown in a terminal: one table for the clone, one line for each recording and what was done to it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

EXIT_FAILED: Final = 1
EXIT_WAITED: Final = 3
_COLOURS: Final = {"ready": "green", "failed": "red", "processing": "yellow"}


def outcome_table(clone: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> Group:
    """Return what a person wants to know of a clone."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for label, value in _lines(clone):
        table.add_row(label, value)
    for warning in clone["warnings"]:
        table.add_row("warning", Text(_shown(f"{warning['filename']}: {warning['warning']}"), style="yellow"))
    parts: list[Any] = [table]
    if samples:
        parts += [Text(""), _sound_table(samples)]
    if clone.get("notice"):
        parts += [Text(""), Text(clone["notice"], style="italic yellow")]
    return Group(*parts)


def _lines(clone: Mapping[str, Any]) -> list[tuple[str, Text]]:
    status = clone["status"]
    lines = [
        ("clone", Text(_shown(f"{clone['voiceId']}  {clone['name']}"))),
        ("status", Text(f"{status} ({clone['training_progress']} %)", style=_COLOURS[status])),
        ("vendor", Text(f"{clone['vendor']}/{clone['engine']}")),
    ]
    if clone["vendorVoiceId"]:
        lines.append(("voice id", Text(clone["vendorVoiceId"])))
    if clone["stage"]:
        waiting = f", waiting for {clone['waitingFor']}" if clone["waitingFor"] else ""
        lines.append(("stage", Text(f"{clone['stage']}{waiting}")))
    if clone["error_message"]:
        lines.append(("why", Text(_shown(f"{clone['errorCode']}: {clone['error_message']}"), style="red")))
    return lines


def _sound_table(samples: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        title="What was done to the sound", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0)
    )
    for column in ("recording", "uploaded", "sent", "SNR", "LUFS", "treatments"):
        table.add_column(column, header_style="dim", overflow="fold", min_width=len(column))
    for sample in samples:
        table.add_row(*_sound_row(sample))
    return table


def _sound_row(sample: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = sample["before"], sample["after"]
    if before is None:
        return _shown(sample["filename"]), sample["format"], "", "", "", "not inspected"
    uploaded = f"{before['duration_s']:.1f} s {sample['format']} {before['rate_hz'] / 1000:g} kHz"
    if after is None:
        return _shown(sample["filename"]), uploaded, "", _rounded(before["snr_db"]), "", "not sent"
    return (
        _shown(sample["filename"]),
        uploaded,
        f"{after['duration_s']:.1f} s {after['container']} {after['rate_hz'] / 1000:g} kHz",
        f"{_rounded(after['snr_before_db'])} → {_rounded(after['snr_after_db'])} dB",
        f"{_rounded(before['loudness_lufs'])} → {_rounded(after['loudness_lufs'])}",
        ", ".join(step["name"] for step in after["recipe"]) or "none",
    )


def _rounded(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"


def _shown(text: str) -> str:
    """Return a text of somebody else's without what would steer the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)
