"""Run every fake vendor, so that each can be tried without a key: `make fakes`, or `python -m tests.fakes`.

What is printed first can be pasted into the shell in which the service is started, what follows into another beside it.
The fakes begin with the voices of `stock.py` and forget everything when they end.
"""

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Sequence

from tests.fakes.buena import FakeBuena
from tests.fakes.registry import FAKES
from tests.fakes.server import ACTS, LEDGER, FakeVendor
from tests.fakes.stock import Stocked, stock

TIME_SCALE = 0.05  # a training of minutes takes seconds; a call still has time enough on a busy machine
_TRAINING_S = 5.0
HINT = f"What a fake holds: GET {LEDGER} at its address; how it misbehaves: POST {ACTS}. Ctrl-C ends them."


def variables(running: Sequence[tuple[FakeVendor, str]]) -> list[str]:
    """Return the settings that lead to these fakes, as a shell reads them."""
    lines = [
        f"export CLONEPIPE_{fake.name.upper()}_API_KEY={key} CLONEPIPE_{fake.name.upper()}_BASE_URL={fake.base_url}"
        for fake, key in running
    ]
    return [*lines, f"export CLONEPIPE_VENDOR_TIME_SCALE={TIME_SCALE} CLONEPIPE_MAX_CLONES_PER_USER=0"]


def adoptions(stocked: Sequence[Stocked]) -> list[str]:
    """Return the commands that adopt what is there, each under what can be tried with it."""
    told = ["Voices that are there already, to be adopted in another terminal:"]
    for voice in stocked:
        told += [f"{voice.name} of {voice.vendor}/{voice.engine}, {voice.what}", voice.line()]
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or TERM."""
    parser = argparse.ArgumentParser(prog="make fakes", description="Run every fake vendor on loopback.")
    parser.add_argument("--first-port", type=int, default=0, help="the others follow; 0, the default, takes free ones")
    first_port = parser.parse_args(arguments).first_port
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with contextlib.ExitStack() as stack:
        running: list[tuple[FakeVendor, str]] = []
        stocked: list[Stocked] = []
        for place, (make, key) in enumerate(FAKES):
            fake = make()
            if isinstance(fake, FakeBuena):
                fake.training_s = _TRAINING_S  # something to look at
            stocked += stock(fake)
            fake.start(first_port + place if first_port else 0)
            stack.callback(fake.stop)
            running.append((fake, key))
        sys.stdout.write("\n".join([*variables(running), "", *adoptions(stocked), "", HINT, ""]))
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
