"""Bland's three engines and what they take; one short recording makes a voice of the newer two.

BTTS V3 is what a request gets that names none. BTTS V1 voices grow by samples, but no call that is documented today
creates one. Bland cleans nothing that a request could turn off.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from shared.vendors.protocol import MB, SPOKEN_RATE_HZ, Engine, Limits, Range

NAME: Final = "bland"

_CHECKED: Final = date(2026, 11, 20)
_NAME_CHARS: Final = Range(1, 30)  # unique in the organisation, whatever the case
_FILE_BYTES: Final = Range(None, 10 * MB)
_FILE_S: Final = Range(1, 60)  # stated for V1 samples, and on older pages for every engine

_ONE_SAMPLE: Final = Limits(
    files=Range(1, 1),
    file_bytes=_FILE_BYTES,
    file_s=_FILE_S,
    total_s=Range(),
    best_s=10.0,  # "roughly 10 seconds is ideal"
    containers=("wav",),  # recommended for V3, required for V2
    rate_hz=SPOKEN_RATE_HZ,
    name_chars=_NAME_CHARS,
    own_denoise=None,
    source="docs.bland.ai/api-v1/post/clone",
    checked=_CHECKED,
)

_SAMPLES: Final = Limits(
    files=Range(1, 5),
    file_bytes=_FILE_BYTES,
    file_s=_FILE_S,
    total_s=Range(),
    best_s=None,
    containers=("wav",),
    rate_hz=SPOKEN_RATE_HZ,
    name_chars=_NAME_CHARS,
    own_denoise=None,
    source="docs.bland.ai: Add Voice Sample",
    checked=_CHECKED,
)


def _engine(name: str, limits: Limits) -> Engine:
    return Engine(
        name=name,
        limits=limits,
        call_timeout_s=120.0,  # not stated; 10 MB and a clone that is made while the caller waits
        listing_lag_s=30.0,  # not stated
        poll_every_s=5.0,  # the answer carries a finished voice, so one look is enough
        training_typical_s=15.0,
        training_deadline_s=600.0,
    )


ENGINES: Final[Mapping[str, Engine]] = {
    "btts_v3": _engine("btts_v3", _ONE_SAMPLE),
    "btts_v2": _engine("btts_v2", _ONE_SAMPLE),
    "btts_v1": _engine("btts_v1", _SAMPLES),
}
