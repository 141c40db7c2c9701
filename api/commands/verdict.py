"""How a check is shown in a terminal: a table for each recording, then what would be sent, then the verdict."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api.commands.sound import shown

_COLOURS: Final = {"ok": "green", "warn": "yellow", "refuse": "red"}
_WORDS: Final = {"ok": "ok", "warn": "warning", "refuse": "refused"}
_PIECES_SHOWN: Final = 6  # of one file; more are counted


def verdict_report(report: Mapping[str, Any]) -> Group:
    """Return a check's report, as the route's `data` has it, for a terminal of 80 columns."""
    parts: list[Any] = []
    for sample in report["samples"]:
        parts += [*_sample(sample), Text("")]
    if report["sent"]:
        parts += [_sent_table(report), Text("")]
    parts += _engine(report)
    return Group(*parts)


def _sample(sample: Mapping[str, Any]) -> Iterator[Any]:
    before = sample["before"]
    title = Text(shown(sample["filename"]), style="bold")
    if before is not None:
        sides = {1: "mono", 2: "stereo"}.get(before["channels"], f"{before['channels']} channels")
        title.append(f"  {before['codec']}, {before['rate_hz'] / 1000:g} kHz, {sides}", style="not bold dim")
    yield title
    if sample["error"] is not None:
        yield Padding(
            Text(shown(f"{sample['error']['code']}: {sample['error']['message']}"), style="red"), (0, 0, 0, 2)
        )
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for column in ({"min_width": 14}, {"justify": "right"}, {"style": "dim"}, {}):
        table.add_column(overflow="fold", **column)
    for finding in sample["findings"]:
        table.add_row(*_finding(finding))
    yield Padding(table, (0, 0, 0, 2))
    for warning in sample["warnings"]:
        yield Padding(Text(shown(warning), style="yellow"), (0, 0, 0, 2))


def _finding(finding: Mapping[str, Any]) -> tuple[Text, Text, Text, Text]:
    verdict, value = finding["verdict"], finding["value"]
    colour = _COLOURS[verdict]
    said = finding["advice"] if verdict != "ok" else "ok" if value is not None else ""
    return (
        Text(finding["name"].replace("_", " ")),
        Text(_measured(value, finding["unit"]), style=colour if value is not None else "dim"),
        Text(_limit(finding)),
        Text(said, style=colour),
    )


def _measured(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    if unit == "share":
        return f"{value:.0%}"
    if unit == "Hz":
        return f"{value / 1000:.1f} kHz"
    digits = 2 if abs(value) < 10 else 1
    return f"{value:.{digits}f} {_SHORT.get(unit, unit)}".rstrip()


_SHORT: Final = {"per 10,000 samples": "/10,000", "pile-up": "", "cosine": ""}


def _limit(finding: Mapping[str, Any]) -> str:
    """Return the limits of a measure where one is crossed: they explain the verdict."""
    limit = finding["refuse"] if finding["verdict"] == "refuse" else finding["warn"]
    if finding["verdict"] == "ok" or limit is None:
        return ""
    return f"limit {_measured(limit, finding['unit'])}"


def _sent_table(report: Mapping[str, Any]) -> Table:
    table = Table(
        title=f"Made for {report['vendor']}/{report['engine']}", title_justify="left", title_style="bold",
        box=None, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for column in ("file", "length", "format", "SNR", "LUFS", "taken from"):
        table.add_column(column, header_style="dim", overflow="fold", min_width=len(column))
    names = {sample["sampleId"]: sample["filename"] for sample in report["samples"]}
    for file in report["sent"]:
        before, after = file["before"], file["after"]
        table.add_row(
            str(file["number"]),
            f"{file['durationSeconds']:.1f} s",
            f"{file['container']} {file['rateHz'] / 1000:g} kHz",
            f"{_rounded(before['snr_db'])} → {_rounded(after['snr_db'])} dB",
            _rounded(after["loudness_lufs"]),
            Text("\n".join(_origins(file["sources"], names))),
        )
    return table


def _origins(sources: list[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[str]:
    """Give where the seconds of a file come from, in the order in which they are heard."""
    if len(sources) > _PIECES_SHOWN:
        for sample_id, name in names.items():
            lengths_s = [each["endSeconds"] - each["startSeconds"] for each in sources if each["sampleId"] == sample_id]
            if lengths_s:
                yield f"{shown(name)}: {sum(lengths_s):.1f} s in {len(lengths_s)} pieces"
        return
    for sample_id, group in groupby(sources, key=lambda each: each["sampleId"]):
        spans = ", ".join(f"{each['startSeconds']:.1f}-{each['endSeconds']:.1f}" for each in group)
        yield f"{shown(names[sample_id])}: {spans} s"


def _engine(report: Mapping[str, Any]) -> Iterator[Any]:
    verdict = report["verdict"]
    yield Text.assemble(
        (f"{report['vendor']}/{report['engine']}: ", "bold"), (_WORDS[verdict], f"bold {_COLOURS[verdict]}")
    )
    for reason in report["reasons"]:
        yield Padding(Text(shown(reason)), (0, 0, 0, 2))


def _rounded(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"
