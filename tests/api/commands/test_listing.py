"""The list of clones in a terminal: ids that can be copied, in what width there is."""

import io
from typing import Any

from rich.console import Console

from api.commands.listing import clones_table

CLONES: list[dict[str, Any]] = [
    {
        "voiceId": f"vc_{number:026d}", "name": "Größe \x1b[31m and a name that goes on", "status": status,
        "stage": "track" if status == "processing" else None, "training_progress": 66, "vendor": "elevenlabs",
        "engine": "ivc", "createdAt": "2026-11-25T20:12:03.123Z",
    }
    for number, status in enumerate(("processing", "ready", "failed"))
]  # fmt: skip


def printed(width: int, *, total: int = 3, offset: int = 0) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(clones_table(CLONES, total, offset, is_narrow=width < 72))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_every_id_is_on_one_line_of_an_ordinary_terminal() -> None:
    said = printed(80)
    assert all(any(clone["voiceId"] in line for line in said.splitlines()) for clone in CLONES)
    assert "track 66 %" in said
    assert "\x1b" not in said, "a name steers no terminal"


def test_nothing_of_an_id_is_lost_in_a_narrow_terminal() -> None:
    said = printed(20)
    assert "…" not in said
    assert max(len(line) for line in said.splitlines()) <= 20


def test_what_else_there_is_is_said_below() -> None:
    assert printed(80, total=9, offset=3).rstrip().endswith("4-6 of 9; --offset 6 shows the next")
    assert " of " not in printed(80)
