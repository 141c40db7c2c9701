"""Retell: other makers' instant clones, made through Retell's one call; nothing can be added, renamed or deleted there.

Retell states how many files each takes and how long a name may be; seconds and bytes are what the maker behind it
states for its own call. Of the containers, WAV, MP3 and M4A have been seen accepted (2026-09-07). Retell's call has no
parameter for any maker's noise removal, so there is none to turn off. The name is all that a request can leave a marker
in, and it stays there.

Sources: docs.retellai.com (Clone Voice, Get Voice, List Voices), the client retell-sdk 6.2.13; 2026-11-20.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Final
from urllib.parse import quote

from shared.errors import (
    ErasureUnsupported,
    VendorProtocol,
    VendorQuota,
    VendorRejected,
    VendorUnavailable,
    VendorVoiceNotFound,
)
from shared.settings import Settings
from shared.vendors.answer import Answer, Complaint
from shared.vendors.engines import MB, SPOKEN_RATE_HZ, Abilities, Engine, Limits, Range, read_deadline_s, scaled
from shared.vendors.protocol import (
    CloneOrder,
    FoundVoice,
    SampleFile,
    Submitted,
    Training,
    TrainingState,
    VoiceAtVendor,
)
from shared.vendors.reading import at, each, text
from shared.vendors.refusals import Meanings
from shared.vendors.wire import MOST_BYTES, Wire

NAME: Final = "retell"

_SOURCE: Final = "docs.retellai.com: Clone Voice"
_CHECKED: Final = date(2026, 11, 20)
_NOT_STATED: Final = Range()
# Retell takes 200. Our marker, of at most 30 characters, is written behind the name in brackets, and neither is cut.
_NAME_CHARS: Final = Range(1, 200 - 33)


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
            name_chars=_NAME_CHARS,
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

_BY_HAND: Final = (
    "Retell has no call that deletes a voice. Delete the voice {which} in Retell's dashboard, or ask "
    "support@retellai.com to delete it; until then it stays there."
)
_MARK: Final = re.compile(r" (\[cp-\S+\])$")
_SHALL_RETRY: Final = "x-should-retry: true"
_SHALL_NOT_RETRY: Final = "x-should-retry: false"
_MEANINGS: Final[Meanings] = {
    # Retell's own client obeys this header before the status: waiting lifts some refusals, and some limits it does not.
    (429, _SHALL_NOT_RETRY): VendorQuota,
    (400, _SHALL_RETRY): VendorUnavailable,
    (409, _SHALL_RETRY): VendorUnavailable,
    (422, _SHALL_RETRY): VendorUnavailable,
}
_MISSING: Final = (404, 422)  # a voice that is not there is a 422, "cannot find asset"
_CATALOGUE: Final = "retell-"  # how the ids of Retell's own voices begin, by the example of its pages


class Retell:
    """Retell, for one key."""

    name: ClassVar = NAME
    notice: ClassVar[str | None] = None
    calls_per_minute: ClassVar[float | None] = None  # "account rate limited" is all that is said

    def __init__(self, api_key: str, base_url: str, *, time_scale: float = 1.0) -> None:
        self.engines = scaled(ENGINES, time_scale)
        self._read_s = read_deadline_s(time_scale)
        headers = {"authorization": f"Bearer {api_key}"}
        self._wire = Wire(NAME, base_url, headers, _complaint, _MEANINGS, (api_key,))

    def submit(self, engine: str, order: CloneOrder, files: Sequence[SampleFile], marker: str) -> Submitted:
        voice_name = f"{order.name}{_suffix(marker)}"
        answer = self._wire.ask(
            "POST",
            "/clone-voice",
            deadline_s=self.engines[engine].call_timeout_s,
            creates=True,
            form=[("voice_name", voice_name), ("voice_provider", engine)],
            files=[("files", file) for file in files],
        )
        voice_id = text(at(answer.json(), "voice_id"))
        if voice_id is None:
            raise VendorProtocol("Retell's answer names no voice.")
        return Submitted(voice_id)

    def complete(
        self, engine: str, order: CloneOrder, files: Sequence[SampleFile], voice_id: str, marker: str
    ) -> tuple[str, ...]:
        shown = f"{order.name}{_suffix(marker)}"
        return (f"At Retell the voice is called '{shown}': our mark stays behind its name, which no call changes.",)

    def find(self, engine: str, marker: str) -> tuple[FoundVoice, ...]:
        # The marker belongs to one call of one engine. Which provider the list shows is not asked: its words have
        # changed before, and a voice passed over would be made and paid for a second time.
        listed = self._listed()
        return tuple(
            FoundVoice(voice_id, None)
            for voice in each(listed)
            if (text(at(voice, "voice_name")) or "").endswith(_suffix(marker)) and (voice_id := _id_of(voice))
        )

    def poll(self, engine: str, voice_id: str) -> Training:
        try:
            self._voice(voice_id)
        except VendorVoiceNotFound:
            return Training(TrainingState.FAILED, reason="the voice is not there any more")
        return Training(TrainingState.READY, 1.0)

    def discard(self, engine: str, voice_id: str) -> None:
        """Say what a person must do; one that a person has deleted is no error."""
        try:
            voice = self._voice(voice_id)
        except VendorVoiceNotFound:
            return
        # This is kept as proof of an erasure, so it names the voice by our mark and not by a person's name.
        mark = _MARK.search(text(at(voice, "voice_name")) or "")
        which = f"whose name ends in '{mark[1]}' (voice id {voice_id})" if mark else f"with the id {voice_id}"
        raise ErasureUnsupported(_BY_HAND.format(which=which), vendor=NAME, voice_id=voice_id)

    def look_up(self, voice_id: str) -> VoiceAtVendor:
        voice = self._voice(voice_id)
        provider = text(at(voice, "provider")) or ""
        # Retell does not say whose a voice is. An id like those of its catalogue, and a maker that it makes no clones
        # with, are no clone; more cannot be told, and nothing that is done here could harm such a voice.
        if voice_id.startswith(_CATALOGUE) or provider not in ENGINES:
            raise VendorVoiceNotFound(
                f"'{voice_id[:60]}' is a voice of Retell's catalogue or of a maker ('{provider[:40]}') whose clones it "
                "does not make; only clones can be adopted."
            )
        return VoiceAtVendor(voice_id, text(at(voice, "voice_name")) or voice_id, provider)

    def check_access(self) -> str:
        return f"the key works; it sees {len(self._listed())} voices, Retell's own among them"

    def _listed(self) -> list[Any]:
        """Return every voice that the account may use: Retell's list has no pages, and its own voices are on it."""
        path, most_bytes = "/list-voices", 4 * MOST_BYTES
        listed = self._wire.ask("GET", path, deadline_s=self._read_s, most_bytes=most_bytes).json()
        if not isinstance(listed, list):
            raise VendorProtocol("Retell's list of voices is no list.")
        return listed

    def _voice(self, voice_id: str) -> Mapping[str, Any]:
        """Return a voice by its id. Raises: VendorVoiceNotFound."""
        path = f"/get-voice/{quote(voice_id, safe='')}"
        try:
            answer = self._wire.ask("GET", path, deadline_s=self._read_s).json()
        except VendorRejected as error:
            if error.details.get("vendor_status") in _MISSING:
                raise VendorVoiceNotFound(f"Retell has no voice '{voice_id[:60]}' for this key.") from error
            raise
        if not isinstance(answer, Mapping) or _id_of(answer) is None:
            raise VendorProtocol("Retell's answer shows no voice.")
        return answer


def open_retell(settings: Settings) -> Retell | None:
    """Return Retell if its key is set."""
    key = settings.retell_api_key
    if key is None:
        return None
    return Retell(key.get_secret_value(), settings.retell_base_url, time_scale=settings.vendor_time_scale)


def _complaint(answer: Answer) -> Complaint | None:
    body = answer.json()
    if answer.is_good and text(at(body, "status")) != "error":
        return None
    code = {"true": _SHALL_RETRY, "false": _SHALL_NOT_RETRY}.get(answer.headers.get("x-should-retry", "").lower())
    return Complaint(code, text(at(body, "message")))


def _suffix(marker: str) -> str:
    return f" [{marker}]"


def _id_of(voice: Mapping[str, Any]) -> str | None:
    return text(at(voice, "voice_id"))
