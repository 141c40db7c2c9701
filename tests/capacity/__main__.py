"""`make capacity`: measure what clones cost, and write it down for the tables of deploy/README.md.

    python -m tests.capacity [--quick]

`--quick` makes fewer and shorter ones and writes nothing down. The whole takes about half an hour on a quiet machine.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.capacity import measure, measured
from tests.databases import postgres_server
from tests.deploy.site import opened
from tests.servers import seaweed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.capacity", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="measure less, and write nothing down")
    quick = parser.parse_args(arguments).quick
    programme = measure.QUICK if quick else measure.WHOLE
    with (
        tempfile.TemporaryDirectory(prefix="capacity-") as folder,
        postgres_server() as postgres,
        seaweed() as s3,
        opened(postgres, s3, Path(folder), most_voices=10_000) as site,
    ):
        found = measure.run(site, programme, Path(folder))
    if not quick:
        measured.save(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
