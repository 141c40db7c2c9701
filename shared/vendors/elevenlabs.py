"""ElevenLabs' two engines and what they take: instant clones of a minute or two, professional ones of half an hour up.

Neither page states how many files a request may carry or how large one may be; integrators speak of 10 MB a file,
under which two minutes of FLAC stay.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from shared.vendors.engines import SPOKEN_RATE_HZ, Abilities, Engine, Limits, Range, SentContainer

NAME: Final = "elevenlabs"

_CHECKED: Final = date(2026, 11, 20)
_CONTAINERS: Final[tuple[SentContainer, ...]] = ("flac", "wav")  # any common audio; half an hour of WAV is 170 MB
# "If the samples do not include background noise, it can make the quality worse"; off unless sent.
_OWN_DENOISE: Final = "remove_background_noise"

_INSTANT: Final = Engine(
    name="ivc",
    limits=Limits(
        files=Range(1, None),
        file_bytes=Range(),
        file_s=Range(),
        total_s=Range(),
        best_s=120.0,  # 1-2 minutes advised; more than 3 can do harm
        containers=_CONTAINERS,
        rate_hz=SPOKEN_RATE_HZ,
        name_chars=Range(1, None),
        own_denoise=_OWN_DENOISE,
        source="elevenlabs.io/docs: Instant Voice Cloning; POST /v1/voices/add",
        checked=_CHECKED,
    ),
    abilities=Abilities(marker="label `clonepipe`", adds_samples=True, deletes_samples=True),
    call_timeout_s=240.0,  # as the vendor's own client waits
    listing_lag_s=60.0,  # whether a new voice is listed at once is not stated
    poll_every_s=5.0,  # the answer carries a finished voice, so one look is enough
    training_typical_s=15.0,
    training_deadline_s=3600.0,
)

_PROFESSIONAL: Final = Engine(
    name="pvc",
    limits=Limits(
        files=Range(1, None),
        file_bytes=Range(),
        file_s=Range(None, 1800),  # advised: files of about 30 minutes
        total_s=Range(1800, None),
        best_s=None,  # 2-3 hours advised
        containers=_CONTAINERS,
        rate_hz=SPOKEN_RATE_HZ,
        name_chars=Range(1, 100),
        own_denoise=_OWN_DENOISE,
        source="elevenlabs.io/docs: Professional Voice Cloning; POST /v1/voices/pvc",
        checked=_CHECKED,
    ),
    abilities=Abilities(
        marker="label `clonepipe`", adds_samples=True, deletes_samples=True, progress="percent", needs_person=True
    ),
    call_timeout_s=600.0,  # a file of half an hour over a slow line
    listing_lag_s=60.0,  # whether a new voice is listed at once is not stated
    poll_every_s=60.0,  # of hours
    training_typical_s=3 * 3600.0,  # English; 6 hours for a multilingual model, and a queue before either
    training_deadline_s=72 * 3600.0,  # a captcha read aloud by a person, a day's wait if that fails, then the queue
)

ENGINES: Final[Mapping[str, Engine]] = {"ivc": _INSTANT, "pvc": _PROFESSIONAL}
