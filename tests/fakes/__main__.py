"""Run every fake vendor, so that each can be tried without a key: `make fakes`, or `python -m tests.fakes`.

What is printed first can be pasted into the shell in which the service is started. The fakes forget everything when
they end.
"""

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Sequence

from tests.fakes.buena import FakeBuena
from tests.fakes.registry import FAKES
from tests.fakes.server import LEDGER, FakeVendor

TIME_SCALE = 0.05  # a training of minutes takes seconds; a call still has time enough on a busy machine
_TRAINING_S = 5.0
HINT = f"What a fake holds: GET {LEDGER} at its address. Ctrl-C ends them."


def variables(running: Sequence[tuple[FakeVendor, str]]) -> list[str]:
    """Return the settings that lead to these fakes, as a shell reads them."""
    lines = [
        f"export CLONEPIPE_{fake.name.upper()}_API_KEY={key} CLONEPIPE_{fake.name.upper()}_BASE_URL={fake.base_url}"
        for fake, key in running
    ]
    return [*lines, f"export CLONEPIPE_VENDOR_TIME_SCALE={TIME_SCALE}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or TERM."""
    parser = argparse.ArgumentParser(prog="make fakes", description="Run every fake vendor on loopback.")
    parser.add_argument("--first-port", type=int, default=0, help="the others follow; 0, the default, takes free ones")
    first_port = parser.parse_args(arguments).first_port
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with contextlib.ExitStack() as stack:
        running = []
        for place, (make, key) in enumerate(FAKES):
            fake = make()
            if isinstance(fake, FakeBuena):
                fake.training_s = _TRAINING_S  # something to look at
            fake.start(first_port + place if first_port else 0)
            stack.callback(fake.stop)
            running.append((fake, key))
        sys.stdout.write("\n".join([*variables(running), "", HINT, ""]))
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
