"""`clonepipe list`: the account's clones, newest first, and where each of them is."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from api.client import Client
from api.commands.outcome import COLOURS
from api.commands.sound import shown
from shared.settings import settings

_WIDE: Final = 72  # columns in which an id and the rest have room on one line


def list_clones(
    limit: Annotated[int, typer.Option(min=1, max=100, help="The most clones that are shown")] = 50,
    offset: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="How many of the newest to pass over")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page as JSON, and nothing else")] = False,
) -> None:
    """List the account's clones, newest first.

    Exit codes:

    0  here they are, also when there are none
    1  refused
    2  the service cannot be reached, or the command is wrong
    """
    page = Client.from_settings(settings()).page(limit, offset)
    if as_json:
        typer.echo(json.dumps(page, ensure_ascii=False, indent=2))
    else:
        console = Console()
        console.print(clones_table(page["voiceClones"], page["total"], offset, is_narrow=console.width < _WIDE))


def clones_table(clones: Sequence[Mapping[str, Any]], total: int, offset: int, *, is_narrow: bool = False) -> Group:
    """Return a line for each clone, and below them what else there is.

    An id is to be copied, so it is on one line, unless the terminal is too narrow for that.
    """
    if not clones:
        return Group(Text(f"no clones after the newest {offset} of {total}" if total else "no clones", style="dim"))
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("id", header_style="dim", overflow="fold", no_wrap=not is_narrow)
    for column in ("name", "is") if is_narrow else ("name", "is", "vendor", "made"):
        table.add_column(column, header_style="dim", overflow="fold")
    for clone in clones:
        state = Text(_state(clone), style=COLOURS[clone["status"]])
        rest = () if is_narrow else (f"{clone['vendor']}/{clone['engine']}", clone["createdAt"][:10])
        table.add_row(clone["voiceId"], Text(shown(clone["name"])), state, *rest)
    last = offset + len(clones)
    if not offset and last >= total:
        return Group(table)
    more = f"; --offset {last} shows the next" if last < total else ""
    return Group(table, Text(""), Text(f"{offset + 1}-{last} of {total}{more}", style="dim"))


def _state(clone: Mapping[str, Any]) -> str:
    return f"{clone['stage']} {clone['training_progress']} %" if clone["status"] == "processing" else clone["status"]
