"""What an evaluation found, and how it is printed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its cells, and whether the goal that is written beside it is met; None where there is none."""

    cells: tuple[str, ...]
    goal: str = ""
    is_met: bool | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows of one goal, and remarks on single recordings."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    remarks: tuple[str, ...] = field(default=())


def show(outcome: Outcome, console: Console) -> None:
    console.print(f"[bold]{outcome.title}[/]")
    table = Table()
    table.add_column(outcome.columns[0])
    for column in outcome.columns[1:]:
        table.add_column(column, justify="right")
    table.add_column("goal")
    for line in outcome.lines:
        table.add_row(*line.cells, _marked(line))
    console.print(table)
    for remark in outcome.remarks:
        console.print(f"  {remark}", highlight=False, markup=False, soft_wrap=True)


def _marked(line: Line) -> str:
    if line.is_met is None:
        return line.goal
    return f"[green]{line.goal}[/]" if line.is_met else f"[red]{line.goal}: missed[/]"


def mean(figures: Iterable[float]) -> float:
    """Return the mean; not a number for none."""
    known = list(figures)
    return sum(known) / len(known) if known else float("nan")


def share(matching: int, of: int) -> str:
    return f"{matching}/{of} ({matching / of:.0%})" if of else "-"


def named(names: Sequence[str], limit: int = 12) -> str:
    """Return names in one line, the first ones only where there are many."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
