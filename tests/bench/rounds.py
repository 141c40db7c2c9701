"""Comparing fairly: subjects take turns, each is compared with its floor of the same round, medians and spreads.

A machine is never alone: what disturbs one turn mostly disturbs the next as well, so the ratio of two neighbours says
more than either figure. Everything here is arithmetic and words; it measures nothing by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

ROUNDS = 3
WIDE = 1.5  # largest by smallest, from which on a row is marked

Reading = tuple[float | None, ...]  # a figure for each column; the first is the one that is compared


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to be measured; `floor` names the subject that it is held against, None for a floor itself."""

    name: str
    measure: Callable[[], Reading]
    floor: str | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, and the least and the most of them."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        return cls(median(figures), min(figures), max(figures))

    @property
    def is_wide(self) -> bool:
        return self.least <= 0 or self.most / self.least > WIDE


@dataclass(frozen=True, slots=True)
class Row:
    """One subject's figures; `ratio` is to its floor, round by round."""

    name: str
    figures: tuple[Spread | None, ...]
    floor: str | None = None
    ratio: Spread | None = None

    @property
    def is_wide(self) -> bool:
        return self.ratio.is_wide if self.ratio is not None else bool(self.figures[0] and self.figures[0].is_wide)


@dataclass(frozen=True, slots=True)
class Table:
    """One comparison as it is printed; `notes` say what the figures are and are not."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    rounds: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)


def interleave(
    subjects: Sequence[Subject], rounds: int = ROUNDS, warm_up: Callable[[Subject], object] | None = None
) -> dict[str, list[Reading]]:
    """Measure all subjects in turn, `rounds` times, forwards and backwards; a warm-up round before counts for nothing.

    `warm_up` may do less than measuring does, where that is as good as a round.
    """
    for subject in subjects:
        (warm_up or _measure)(subject)
    readings: dict[str, list[Reading]] = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            readings[subject.name].append(subject.measure())
    return readings


def _measure(subject: Subject) -> object:
    return subject.measure()


def compare(
    title: str,
    columns: Sequence[str],
    subjects: Sequence[Subject],
    readings: dict[str, list[Reading]],
    notes: Sequence[str] = (),
) -> Table:
    """Return the table of what `interleave` found."""
    rows = tuple(_row(subject, readings) for subject in subjects)
    return Table(title, tuple(columns), rows, min(map(len, readings.values())), tuple(notes))


def _row(subject: Subject, readings: dict[str, list[Reading]]) -> Row:
    own = readings[subject.name]
    figures = tuple(_spread(column) for column in zip(*own, strict=True))
    if subject.floor is None:
        return Row(subject.name, figures)
    ratio = ratios([one[0] for one in own], [one[0] for one in readings[subject.floor]])
    return Row(subject.name, figures, subject.floor, ratio)


def _spread(column: Sequence[float | None]) -> Spread | None:
    known = [figure for figure in column if figure is not None]
    return Spread.of(known) if known else None


def ratios(own: Sequence[float | None], floor: Sequence[float | None]) -> Spread | None:
    """Return the spread of the rounds' ratios: each figure by the floor's of its own round, never median by median."""
    pairs = [(a, b) for a, b in zip(own, floor, strict=True) if a is not None and b]
    return Spread.of([a / b for a, b in pairs]) if pairs else None


def printed(table: Table) -> str:
    """Return the table as text."""
    head = ["", *table.columns, "x floor (min-max)", "floor"]
    lines = [[row.name, *map(_shown, row.figures), _shown_ratio(row), row.floor or "-"] for row in table.rows]
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    text = [f"{table.title}   [{table.rounds} rounds, medians]"]
    for line in [head, *lines]:
        first, *cells, last = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        text.append("  ".join(["  " + first, *cells, last.strip()]).rstrip())
    wide = [row.name for row in table.rows if row.is_wide]
    if wide:
        text.append(f"  ! wide spread (most/least > {WIDE:g}), repeat on a quieter machine: {', '.join(wide)}")
    text += [f"  {note}" for note in table.notes]
    return "\n".join(text)


def _shown(spread: Spread | None) -> str:
    return "-" if spread is None else shown(spread.middle)


def _shown_ratio(row: Row) -> str:
    if row.ratio is None:
        return "-"
    return f"{row.ratio.middle:.2f} ({row.ratio.least:.2f}-{row.ratio.most:.2f})"


def shown(figure: float) -> str:
    """Return three meaningful digits, no exponent."""
    size = abs(figure)
    return f"{figure:.0f}" if size >= 100 else f"{figure:.1f}" if size >= 10 else f"{figure:.2f}"
