"""`make bench`: print what was measured, beside its floors.

    python -m tests.bench [--quick] [--only NAME]… [--json]

`--quick` measures less of everything, for a look; only whole runs on a quiet machine are worth keeping.
"""

import argparse
import json
import sys
import time
from importlib import import_module

from tests.bench import machine
from tests.bench.rounds import Table, printed

BENCHES = ("intake", "polling", "pipeline", "callbacks", "memory", "sound")


def main(arguments: list[str]) -> int:
    """Run the benches that were asked for; return 0, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=BENCHES, help="run this one alone; may be repeated")
    parser.add_argument("--quick", action="store_true", help="measure less, in under a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    options = parser.parse_args(arguments)
    facts = machine.description()
    found: dict[str, list[Table]] = {}
    if not options.json:
        _say("\n".join(f"{name}: {fact}" for name, fact in facts.items()))
    for name in options.only or BENCHES:
        began_s = time.monotonic()
        found[name] = []
        for table in import_module(f"tests.bench.{name}").run(options.quick):
            found[name].append(table)
            if not options.json:
                _say("", printed(table))
        if not options.json:
            _say(f"({name}: {time.monotonic() - began_s:.0f} s)")
    if options.json:
        tables = {name: [table.to_json() for table in made] for name, made in found.items()}
        _say(json.dumps({**facts, "quick": options.quick, "benches": tables}, indent=2))
    return 0


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
