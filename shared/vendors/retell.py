"""Retell's engines and what they take: other makers' instant clones, made through Retell's one call.

Retell states how many files each takes and how long a name may be; seconds and bytes are what the maker behind it
states for its own call. Of the containers, WAV, MP3 and M4A have been seen accepted (2026-09-07). Retell's call has no
parameter for any maker's noise removal, so there is none to turn off.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from shared.vendors.engines import MB, SPOKEN_RATE_HZ, Abilities, Engine, Limits, Range

NAME: Final = "retell"

_SOURCE: Final = "docs.retellai.com: Clone Voice"
_CHECKED: Final = date(2026, 11, 20)
_NOT_STATED: Final = Range()


def _engine(
    name: str,
    *,
    files: Range,
    best_s: float,
    file_s: Range = _NOT_STATED,
    file_bytes: Range = _NOT_STATED,
    maker: str | None = None,
) -> Engine:
    """Declare an engine; `maker` is where its seconds and bytes are stated."""
    return Engine(
        name=name,
        limits=Limits(
            files=files,
            file_bytes=file_bytes,
            file_s=file_s,
            total_s=_NOT_STATED,
            best_s=best_s,
            containers=("wav",),
            rate_hz=SPOKEN_RATE_HZ,
            name_chars=Range(1, 200),
            own_denoise=None,
            source=f"{_SOURCE}; {maker}" if maker else _SOURCE,
            checked=_CHECKED,
        ),
        abilities=Abilities(marker="suffix of the name, which a call cannot change", deletes_voice=False),
        call_timeout_s=120.0,  # twice what the vendor's own client waits
        listing_lag_s=60.0,  # not stated
        poll_every_s=5.0,  # the answer carries a finished voice, so one look is enough
        training_typical_s=20.0,
        training_deadline_s=600.0,
    )


ENGINES: Final[Mapping[str, Engine]] = {
    engine.name: engine
    for engine in (
        _engine(
            "elevenlabs",
            files=Range(1, 25),
            best_s=120.0,  # 1-2 minutes advised; more than 3 can do harm
            maker="elevenlabs.io/docs: Instant Voice Cloning",
        ),
        _engine(
            "cartesia",
            files=Range(1, 1),
            file_s=Range(5, 10),  # about 5 advised; integrators cap a clip at 10
            best_s=8.0,  # between the two
            maker="docs.cartesia.ai: Clone Voice",
        ),
        _engine(
            "minimax",
            files=Range(1, 1),
            file_s=Range(10, 300),
            file_bytes=Range(None, 20 * MB),
            best_s=120.0,  # 1-2 minutes of varied speech, as an integrator of the same model advises
            maker="platform.minimax.io/docs: Voice Clone",
        ),
        _engine(
            "fish_audio",
            files=Range(1, 20),  # Retell takes 25, Fish Audio 20
            file_s=Range(10, None),
            best_s=120.0,  # "a minute or two"; integrators report 270 as the most
            maker="docs.fish.audio: Creating models",
        ),
        _engine(
            "inworld",
            files=Range(1, 3),
            file_s=Range(5, 15),  # its newest page takes 3; what is over 15 it cuts off
            file_bytes=Range(None, 4 * MB),  # stated for its portal
            best_s=15.0,  # "the longer the sample, the better"
            maker="docs.inworld.ai: Instant Voice Cloning",
        ),
        _engine(
            "platform",
            files=Range(1, 25),
            best_s=120.0,  # not stated; an instant clone, as the others that take many files
        ),
    )
}
