"""`make sound-eval SOUNDS=FOLDER`: score the treatment of sound on a folder of recordings.

    python -m tests.sound_eval FOLDER [--manifest FILE] [--only GOAL]… [--limit N] [--pairs N] [--voices N]

It needs packages that the product does not (tests/sound_eval/requirements.txt); the Makefile target installs them.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.sound_eval import clean, composites, mixtures, verdicts
from tests.sound_eval.crew import Crew, crew
from tests.sound_eval.manifest import ManifestError, Sounds, needed, read
from tests.sound_eval.tables import Outcome, show
from tests.sound_eval.voice import NoJudge, judged_by

GOALS: Final = ("clean", "mixtures", "composites", "verdicts")
PAIRS, VOICES = 75, 16
UNUSABLE: Final = 2


def main(arguments: list[str]) -> int:
    """Print the tables; return 0 whatever the figures are, 2 where nothing could be scored."""
    options, console = _options(arguments), Console(width=150 if not sys.stdout.isatty() else None)
    absent = [name for name in ("pesq", "pystoi") if importlib.util.find_spec(name) is None]
    if absent:
        console.print(f"{' and '.join(absent)}: not installed here; `make sound-eval` installs what is needed.")
        return UNUSABLE
    try:
        sounds = read(options.folder, options.manifest).limited(options.limit)
        console.print(f"{len(sounds.recordings)} recordings of {options.folder}; voices judged by {judged_by()}")
    except (ManifestError, NoJudge) as error:
        console.print(str(error), markup=False, soft_wrap=True)
        return UNUSABLE
    with crew() as workers:
        for name in options.only or GOALS:
            began_s = time.monotonic()
            show(_evaluations(workers, sounds, options)[name](), console)
            console.print(f"({name}: {time.monotonic() - began_s:.0f} s)\n")
    return 0


def _evaluations(workers: Crew, sounds: Sounds, options: argparse.Namespace) -> dict[str, Callable[[], Outcome]]:
    return {
        "clean": lambda: clean.evaluate(workers, sounds),
        "mixtures": lambda: mixtures.evaluate(workers, sounds, options.pairs or None),
        "composites": lambda: composites.evaluate(workers, sounds, options.voices),
        "verdicts": lambda: verdicts.evaluate(workers, sounds),
    }


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sound_eval",
        description="Score the treatment of sound on a folder of recordings.",
        epilog=needed(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="where the recordings are")
    parser.add_argument("--manifest", type=Path, help="the list of what is what, where it is not in the folder")
    parser.add_argument("--only", action="append", choices=GOALS, help="score this alone; may be repeated")
    parser.add_argument("--limit", type=int, help="take at most so many recordings of each kind")
    parser.add_argument(
        "--pairs", type=int, default=PAIRS, help=f"voices in noises, each at three SNR ({PAIRS}; 0: all)"
    )
    parser.add_argument(
        "--voices", type=int, default=VOICES, help=f"voices of composites, three orders each ({VOICES})"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
