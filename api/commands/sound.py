"""How recordings, and what was made of them, are shown in a terminal: one line each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

_COLOURS: Final = {"ok": "green", "warn": "yellow", "refuse": "red"}


def recordings_table(samples: Sequence[Mapping[str, Any]]) -> Table:
    """Return a line for each recording of a report."""
    table = _table("Recordings", ("recording", "uploaded", "speech", "SNR", "LUFS", "verdict"))
    for sample in samples:
        table.add_row(*_recording_row(sample))
    return table


def sent_table(sent: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]]) -> Table:
    """Return a line for each file that was made for the vendor, with the recordings that it is made of."""
    names = {sample["sampleId"]: sample["filename"] for sample in samples}
    table = _table("What was made of them", ("file", "made of", "sent", "SNR", "LUFS", "noise removed by"))
    for file in sent:
        table.add_row(*_sent_row(file, names))
    return table


def shown(text: str) -> str:
    """Return a text of somebody else's without what would steer the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, header_style="dim", overflow="fold", min_width=len(column))
    return table


def _recording_row(sample: Mapping[str, Any]) -> tuple[str | Text, ...]:
    before, verdict = sample["before"], sample["verdict"]
    if before is None:
        return shown(sample["filename"]), sample["format"], "", "", "", verdict or "not inspected"
    measures = before["measures"]
    return (
        shown(sample["filename"]),
        f"{before['duration_s']:.1f} s {sample['format']} {before['rate_hz'] / 1000:g} kHz",
        f"{measures['speech_s']:.1f} s",
        f"{_rounded(measures['snr_db'])} dB",
        _rounded(measures["loudness_lufs"]),
        Text(verdict, style=_COLOURS[verdict]) if verdict else "",
    )


def _sent_row(file: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, ...]:
    before, after = file["before"], file["after"]
    seconds = dict[str, float]()
    for source in file["sources"]:
        name = shown(names.get(source["sampleId"], source["sampleId"]))
        seconds[name] = seconds.get(name, 0.0) + source["endSeconds"] - source["startSeconds"]
    methods = dict.fromkeys(note["denoise"] for note in file["notes"] if note["denoise"] != "none")
    return (
        str(file["number"]),
        ", ".join(f"{taken_s:.1f} s of {name}" for name, taken_s in seconds.items()),
        f"{file['durationSeconds']:.1f} s {file['container']} {file['rateHz'] / 1000:g} kHz",
        f"{_rounded(before['snr_db'])} → {_rounded(after['snr_db'])} dB",
        _rounded(after["loudness_lufs"]),
        ", ".join(methods) or "nothing",
    )


def _rounded(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"
