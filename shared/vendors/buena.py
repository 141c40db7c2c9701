"""Buena: up to ten files become a voice that is trained in minutes and followed through the list of voices.

Neither seconds nor the length of a name are stated, and no request turns a noise removal on or off. Buena's pages
disagree on the list: one shows a status and percents, as of a single voice, another neither. So what is there is read,
and a voice without a status is ready when it is active. Of its two answers 429 one passes, the other is a full plan;
where no code tells which, what stands beside a rate limit does, and else how many voices there are.

Sources: docs.buena.ai (Create, List, Delete Voice Clone; Rate Limits), the client buena-sdk 1.0.5; 2026-11-20.
"""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Final
from urllib.parse import quote

from shared.errors import (
    VendorError,
    VendorProtocol,
    VendorQuota,
    VendorRateLimited,
    VendorRejected,
    VendorVoiceInUse,
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
    oldest_first,
)
from shared.vendors.reading import at, each, first_list, flag, moment, number, text, whole
from shared.vendors.refusals import Meanings
from shared.vendors.wire import Wire

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

_RATE: Final = "RATE_LIMIT_EXCEEDED"
_CALLS_LEFT: Final = "x-ratelimit-remaining: above 0"  # without a code: of a creation, no matter of the rate
_LIMIT: Final = "VOICE_CLONE_LIMIT_EXCEEDED"
_IN_USE: Final = "VOICE_CLONE_IN_USE"
_MEANINGS: Final[Meanings] = {
    (None, _LIMIT): VendorQuota,  # HTTP 429, like the next, but waiting does not help
    (None, _RATE): VendorRateLimited,
    (None, _CALLS_LEFT): VendorRateLimited,
    (None, "VOICE_CLONE_NOT_FOUND"): VendorVoiceNotFound,
    # A campaign speaks with it. That ends some day and concerns no other call, so it is neither a reason to give up nor
    # to leave the vendor alone: whoever deletes comes again.
    (None, _IN_USE): VendorVoiceInUse,
}
_STATES: Final = {
    "processing": TrainingState.TRAINING,
    "ready": TrainingState.READY,
    "failed": TrainingState.FAILED,
}
_SETTINGS: Final = ("stability", "clarity", "use_speaker_boost")
_MOST_VOICES: Final = 5  # of one user, unless support raised it
_PATH: Final = "/voice-clones"
_PAGE: Final = 100
_MOST_PAGES: Final = 50


class Buena:
    """Buena, for one key."""

    name: ClassVar = NAME
    notice: ClassVar[str | None] = None

    def __init__(self, api_key: str, base_url: str, *, time_scale: float = 1.0) -> None:
        self.engines = scaled(ENGINES, time_scale)
        self.calls_per_minute = 60.0 / time_scale  # of one key, for everything
        self._read_s = read_deadline_s(time_scale)
        headers = {"authorization": f"Bearer {api_key}"}
        self._wire = Wire(NAME, base_url, headers, _complaint, _MEANINGS, (api_key,))

    def submit(self, engine: str, order: CloneOrder, files: Sequence[SampleFile], marker: str) -> Submitted:
        form = [("name", order.name), ("description", f"{order.description or ''} {_tag(marker)}".strip())]
        settings, notes = _settings(order.voice_settings)
        if settings:
            form.append(("settings", json.dumps(settings)))
        try:
            answer = self._wire.ask(
                "POST",
                _PATH,
                deadline_s=self.engines[engine].call_timeout_s,
                creates=True,
                form=form,
                files=[("files", file) for file in files],
            )
        except VendorRateLimited as error:
            if self._is_full(error.details.get("vendor_code")):
                raise _full(error) from error
            raise
        voice_id = text(at(answer.json(), "data", "voiceId"))
        if voice_id is None:
            raise VendorProtocol("Buena's answer names no voice.")
        return Submitted(voice_id, notes)

    def _is_full(self, code: str | None) -> bool:
        """Tell whether a creation's 429 means a full plan, where its own code does not tell."""
        if code is not None:
            return code == _CALLS_LEFT
        try:
            total = self._total()
        except VendorError:
            return False
        return total is not None and total >= _MOST_VOICES

    def complete(
        self, engine: str, order: CloneOrder, files: Sequence[SampleFile], voice_id: str, marker: str
    ) -> tuple[str, ...]:
        return ()  # the marker stays: it is all by which a twin that shows late is known

    def find(self, engine: str, marker: str) -> tuple[FoundVoice, ...]:
        found = [
            FoundVoice(voice_id, moment(at(voice, "createdAt")))
            for voice in self._voices()
            if _tag(marker) in (text(at(voice, "description")) or "") and (voice_id := _id_of(voice))
        ]
        return oldest_first(found)

    def poll(self, engine: str, voice_id: str) -> Training:
        voices = self._voices()
        voice = next((one for one in voices if _id_of(one) == voice_id), None)
        if voice is None and len(voices) == 1 and _id_of(voices[0]) is None:
            (voice,) = voices  # the page that shows one voice shows no id
        if voice is None:
            # A list may lag, so that it lacks a voice is no proof that there is none; the deadline decides.
            return Training(TrainingState.UNKNOWN)
        word = text(at(voice, "status"))
        if word is None:
            state = TrainingState.READY if flag(at(voice, "isActive")) else TrainingState.TRAINING
        else:
            state = _STATES.get(word.lower(), TrainingState.UNKNOWN)
        percents = number(at(voice, "training_progress"))
        progress = None if percents is None else min(max(percents / 100, 0.0), 1.0)
        return Training(state, progress, text(at(voice, "error_message")))

    def discard(self, engine: str, voice_id: str) -> None:
        try:
            self._wire.ask("DELETE", f"{_PATH}/{quote(voice_id, safe='')}", deadline_s=self._read_s)
        except VendorRejected as error:
            if error.details.get("vendor_status") != 404:
                raise

    def look_up(self, voice_id: str) -> VoiceAtVendor:
        voice = next((one for one in self._voices() if _id_of(one) == voice_id), None)
        if voice is None:
            raise VendorVoiceNotFound(f"Buena has no voice '{voice_id[:60]}' for this key.")
        name = text(at(voice, "name")) or voice_id
        return VoiceAtVendor(voice_id, name, "default", text(at(voice, "description")))

    def check_access(self) -> str:
        total = self._total()
        held = "" if total is None else f"; {total} of {_MOST_VOICES} voices, if support allowed no more"
        return f"the key works{held}"

    def _total(self) -> int | None:
        answer = self._wire.ask("GET", _PATH, deadline_s=self._read_s, params={"limit": "1", "offset": "0"}).json()
        return whole(at(answer, "data", "total"))

    def _voices(self) -> list[Mapping[str, Any]]:
        """Return every voice of the account, page by page. One of Buena's pages shows a single voice instead."""
        found: list[Mapping[str, Any]] = []
        known: set[str | None] = set()
        for _ in range(_MOST_PAGES):
            params = {"limit": str(_PAGE), "offset": str(len(found))}
            answer = self._wire.ask("GET", _PATH, deadline_s=self._read_s, params=params).json()
            data = at(answer, "data")
            page = first_list(at(data, "voiceClones"), data)
            if page is None:
                if isinstance(data, Mapping):
                    return [data]
                raise VendorProtocol("Buena's list of voices is no list.")
            new = [voice for voice in each(page) if _id_of(voice) not in known]
            known |= {_id_of(voice) for voice in new}
            found += new
            total = whole(at(data, "total"))
            if not new or (len(page) < _PAGE if total is None else len(found) >= total):
                break
        return found


def open_buena(settings: Settings) -> Buena | None:
    """Return Buena if its key is set."""
    key = settings.buena_api_key
    if key is None:
        return None
    return Buena(key.get_secret_value(), settings.buena_base_url, time_scale=settings.vendor_time_scale)


def _complaint(answer: Answer) -> Complaint | None:
    """Read both shapes: `error` is true beside a code and a message, or is the message itself."""
    body = answer.json()
    error = at(body, "error")
    if answer.is_good and not error and at(body, "success") is not False:
        return None
    said = text(error)
    code = text(at(body, "code")) or (said if (None, said) in _MEANINGS else None)
    if code is None and answer.status == 429:
        code = _which_429(answer)
    if code is None and answer.status == 409:  # stated for one thing only, and in the other shape without a code
        code = _IN_USE
    words = text(at(body, "message")) or said
    more = at(body, "details")
    if isinstance(more, str) and more.strip() and words:
        words = f"{words} ({more.strip()})"
    return Complaint(code, words, _wait_s(answer))


def _which_429(answer: Answer) -> str | None:
    """Return the code of a 429 without one by what stands beside it, never by its words; None: nothing tells.

    A rate limit comes with its counters, and every answer says how many calls are left of the rate.
    """
    body, left = answer.json(), number(answer.headers.get("x-ratelimit-remaining"))
    if at(body, "details", "max_allowed") is not None:
        return _LIMIT
    is_timed = "retry-after" in answer.headers or at(body, "retryAfter") is not None
    if is_timed or at(body, "rateLimitInfo") is not None or left == 0:
        return _RATE
    return None if left is None else _CALLS_LEFT


def _full(refused: VendorRateLimited) -> VendorQuota:
    said = refused.details.get("vendor_words") or "it gave no reason"
    return VendorQuota(
        f"Buena refused (HTTP 429): {said.rstrip('.')}. No rate is used up, so it is the number of voices. Delete one "
        "there, or take a larger plan; then 'clonepipe vendors resume buena'.",
        **{name: value for name, value in refused.details.items() if name != "retry_after_s"},
    )


def _wait_s(answer: Answer) -> float | None:
    """Return how long Buena asks to wait by its body, or by its counter alone; None: Retry-After may say it."""
    body = answer.json()
    wait_s = number(at(body, "retryAfter"))
    if wait_s is not None or "retry-after" in answer.headers:
        return wait_s
    reset_at = moment(at(body, "rateLimitInfo", "reset")) or moment(answer.headers.get("x-ratelimit-reset"))
    return None if reset_at is None else max(reset_at.timestamp() - time.time(), 0.0)


def _settings(given: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the settings that Buena names, and a note on others. How they are written in a form it does not say."""
    unknown = ", ".join(sorted(set(given) - set(_SETTINGS)))
    notes = (f"Buena knows no settings {unknown}; they were not sent.",) if unknown else ()
    return {name: given[name] for name in _SETTINGS if name in given}, notes


def _tag(marker: str) -> str:
    return f"[{marker}]"


def _id_of(voice: Mapping[str, Any]) -> str | None:
    return text(at(voice, "voiceId"))
