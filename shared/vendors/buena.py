"""Buena's one engine and what it takes: up to ten files, trained in minutes.

Neither seconds nor the length of a name are stated, and no request turns a noise removal on or off.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from shared.vendors.engines import MB, SPOKEN_RATE_HZ, Abilities, Engine, Limits, Range

NAME: Final = "buena"

ENGINES: Final[Mapping[str, Engine]] = {
    "default": Engine(
        name="default",
        limits=Limits(
            files=Range(1, 10),
            file_bytes=Range(None, 50 * MB - 1),  # "under 50MB"
            file_s=Range(),
            total_s=Range(),
            best_s=None,
            containers=("flac", "wav"),  # both are named; as FLAC twice as long a recording stays under the limit
            rate_hz=SPOKEN_RATE_HZ,
            name_chars=Range(1, None),
            own_denoise=None,
            source="docs.buena.ai: Create Voice Clone",
            checked=date(2026, 11, 20),
        ),
        abilities=Abilities(marker="end of the description", progress="percent"),
        call_timeout_s=600.0,  # not stated; 500 MB at 1 MB/s
        listing_lag_s=30.0,  # not stated
        poll_every_s=10.0,  # one key has 60 requests a minute for everything
        training_typical_s=210.0,  # "2-5 minutes"
        training_deadline_s=1800.0,  # not stated; six times the longest that is
    )
}
