"""The parts of the READMEs that are made from the code: `make docs` writes them, `make docs-check` holds them to it.

A block stands between `<!-- made from code: NAME -->` and `<!-- end -->`.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from fastapi.routing import APIRoute
from pydantic import SecretStr

from api.app import DOORS
from shared import errors
from shared.errors import ServiceError
from shared.metrics import LIST
from shared.settings import Settings
from shared.vendors import ENGINES
from shared.vendors.engines import Abilities, Limits, Range
from tests.capacity import tables as capacity
from worker.audio.measure.verdicts import CHECKS

HOUSE = Path(__file__).parents[2]
_BLOCK = re.compile(r"(<!-- made from code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def settings_table() -> str:
    """Return every setting with its default and meaning."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default is None or isinstance(default, SecretStr) else f"`{default}`"
        lines.append(f"| `CLONEPIPE_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines)


def errors_table() -> str:
    """Return every error code with its status and what it says by default."""
    lines = ["| code | HTTP | meaning |", "| --- | --- | --- |"]
    for kind in _leaves(ServiceError):
        if kind.__module__.startswith(errors.__name__) and kind.code not in (
            "CLAIM_LOST",
            "SETUP",
            "BROKER_UNAVAILABLE",
        ):
            lines.append(f"| `{kind.code}` | {kind.status} | {kind().message} |")
    return "\n".join(lines)


def _leaves(kind: type[ServiceError]) -> list[type[ServiceError]]:
    found = [kind]
    for child in kind.__subclasses__():
        found += _leaves(child)
    return found


def routes_table() -> str:
    """Return every operation of the native door with the permission it needs."""
    lines = ["| operation | what it does |", "| --- | --- |"]
    for route in (route for router in DOORS for route in router.routes):
        if isinstance(route, APIRoute):
            for method in sorted(route.methods):
                lines.append(f"| `{method} {route.path}` | {route.summary} |")
    return "\n".join(lines)


def vendors_table() -> str:
    """Return what every engine takes and, in a table of its own, what it can do."""
    takes = [
        "| vendor/engine | files | bytes a file | seconds a file | seconds in all | best seconds "
        "| name | containers | source |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    does = [
        "| vendor/engine | creates | add samples | delete samples | delete voice | a person must | progress "
        "| known again by |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for vendor, engines in ENGINES.items():
        for engine in engines.values():
            takes.append(f"| `{vendor}/{engine.name}` | {' | '.join(_taken(engine.limits))} |")
            does.append(f"| `{vendor}/{engine.name}` | {' | '.join(_done(engine.abilities))} |")
    return "\n".join([*takes, "", *does])


def _taken(limits: Limits) -> list[str]:
    return [
        _range(limits.files),
        _range(limits.file_bytes),
        _range(limits.file_s),
        _range(limits.total_s),
        "all" if limits.best_s is None else f"{limits.best_s:,.0f}",
        _range(limits.name_chars),
        ", ".join(limits.containers),
        f"{limits.source}, {limits.checked.isoformat()}",
    ]


def _done(abilities: Abilities) -> list[str]:
    most = "" if abilities.max_samples is None else f", to {abilities.max_samples}"
    return [
        _created(abilities),
        f"yes{most}" if abilities.adds_samples else "no",
        "yes" if abilities.deletes_samples else "no",
        "yes" if abilities.deletes_voice else "no: by hand",
        "prove the voice" if abilities.needs_person else "",
        abilities.progress,
        abilities.marker,
    ]


def _created(abilities: Abilities) -> str:
    if not abilities.creates:
        return "no: adopt"
    return "yes, with `language`" if abilities.needs_language else "yes"


def _range(limits: Range) -> str:
    least, most = (None if bound is None else f"{bound:,.0f}" for bound in (limits.least, limits.most))
    if least is None or most is None:
        return f"≤ {most}" if most else f"≥ {least}" if least else ""
    return least if least == most else f"{least} – {most}"


def checks_table() -> str:
    """Return everything that is measured of a recording, from where on it matters, and what its owner is told."""
    lines = ["| measure | what it is | unit | warns | refuses | advice |", "| --- | --- | --- | --- | --- | --- |"]
    for check in CHECKS.values():
        sign = "<" if check.more_is_better else ">"
        limits = ["" if limit is None else f"{sign} {limit:,g}" for limit in (check.warn, check.refuse)]
        cells = [f"`{check.name}`", check.what, check.unit, *limits, check.advice]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def metrics_table() -> str:
    """Return every metric with who tells it."""
    lines = ["| metric | labels | what | told by |", "| --- | --- | --- | --- |"]
    for listed in LIST.values():
        cells = [f"`{listed.name}`", ", ".join(listed.labels), listed.what, ", ".join(listed.who)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


Blocks = dict[str, Callable[[], str]]
PAGES: dict[str, Blocks] = {
    "README.md": {
        "settings": settings_table,
        "errors": errors_table,
        "routes": routes_table,
        "vendors": vendors_table,
        "checks": checks_table,
    },
    "deploy/README.md": {
        "metrics": metrics_table,
        "capacity_costs": capacity.costs_table,
        "capacity_counts": capacity.counts_table,
        "capacity_memory": capacity.memory_table,
        "capacity_growth": capacity.growth_table,
        "capacity_plan": capacity.plan_table,
        "capacity_day": capacity.day_table,
    },
}


def written(text: str, blocks: Blocks) -> str:
    """Return a page with every block as the code has it now."""
    return _BLOCK.sub(lambda match: f"{match[1]}{blocks[match[2]]()}\n{match[3]}", text)


def main() -> int:
    """Write the blocks, or say that they are out of date."""
    return max(_page(name, blocks, write="--write" in sys.argv) for name, blocks in PAGES.items())


def _page(name: str, blocks: Blocks, *, write: bool) -> int:
    before = (HOUSE / name).read_text()
    after = written(before, blocks)
    missing = [block for block in blocks if f"<!-- made from code: {block} -->" not in before]
    if missing:
        sys.stderr.write(f"{name} has no block for: {', '.join(missing)}\n")
        return 1
    if write:
        (HOUSE / name).write_text(after)
    elif before != after:
        sys.stderr.write(f"{name} is out of date; run 'make docs'\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
