"""An account at ElevenLabs: the wire to it, what its refusals mean, its plan, and its voices as both engines read them.

What an answer complains of comes as an object (the newer `code` before the older `status`), as an array of fields or
as a mere text. A voice that is not there is HTTP 400, and so is a plan that is full.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from shared.errors import (
    VendorAuth,
    VendorProtocol,
    VendorQuota,
    VendorRateLimited,
    VendorRejected,
    VendorVoiceNotFound,
)
from shared.vendors.answer import Answer, Complaint
from shared.vendors.engines import read_deadline_s
from shared.vendors.protocol import CloneOrder, FoundVoice, SampleFile, VendorSample, oldest_first
from shared.vendors.reading import at, each, flag, moment, number, text, whole
from shared.vendors.refusals import Meanings
from shared.vendors.wire import Wire

NAME: Final = "elevenlabs"
LABEL: Final = "clonepipe"  # under which our marker stands beside the client's own labels
_PAGES: Final = 100
_WAIT_MOST_S: Final = 6 * 3600.0

_MEANINGS: Final[Meanings] = {
    (None, "voice_limit_reached"): VendorQuota,  # HTTP 400
    (None, "can_not_use_instant_voice_cloning"): VendorQuota,
    (None, "can_not_use_professional_voice_cloning"): VendorQuota,
    (None, "only_for_creator+"): VendorQuota,  # HTTP 403
    (None, "quota_exceeded"): VendorQuota,  # HTTP 401 or 400
    (None, "invalid_api_key"): VendorAuth,
    (None, "missing_permissions"): VendorAuth,
    (None, "voice_not_found"): VendorVoiceNotFound,  # HTTP 400
    (None, "voice_does_not_exist"): VendorVoiceNotFound,
    (None, "rate_limit_exceeded"): VendorRateLimited,
    (None, "concurrent_limit_exceeded"): VendorRateLimited,
    (None, "too_many_concurrent_requests"): VendorRateLimited,  # older names of the same
    (None, "system_busy"): VendorRateLimited,
}

# By engine: may the plan do it, how many voices there are, how many there may be, and what they are called.
_ROOM: Final = {
    "ivc": ("can_use_instant_voice_cloning", "voice_slots_used", "voice_limit", "voices"),
    "pvc": (
        "can_use_professional_voice_cloning",
        "professional_voice_slots_used",
        "professional_voice_limit",
        "professional voices",
    ),
}


class Account:
    """One key's account. Times are seconds and scaled already."""

    def __init__(self, api_key: str, base_url: str, *, time_scale: float = 1.0) -> None:
        self.read_s = read_deadline_s(time_scale)
        self.wire = Wire(NAME, base_url, {"xi-api-key": api_key}, _complaint, _MEANINGS, (api_key,))

    def voice(self, voice_id: str) -> Mapping[str, Any]:
        """Return a voice. Raises: VendorVoiceNotFound."""
        try:
            voice = self.wire.ask("GET", voice_path(voice_id), deadline_s=self.read_s).json()
        except VendorRejected as error:
            raise _not_found(voice_id, error) from error
        if not isinstance(voice, Mapping) or text(at(voice, "voice_id")) is None:
            raise VendorProtocol("ElevenLabs' answer shows no voice.")
        return voice

    def find(self, marker: str) -> tuple[FoundVoice, ...]:
        """Return the voices of this account that carry our marker, oldest first."""
        found = [
            FoundVoice(voice_id, moment(at(voice, "created_at_unix")))
            for voice in self._search(marker)
            if _carries(voice, marker) and (voice_id := text(at(voice, "voice_id")))
        ]
        return oldest_first(found)

    def _search(self, marker: str) -> Iterator[Mapping[str, Any]]:
        query = {"search": marker, "voice_type": "personal", "page_size": "100", "include_total_count": "false"}
        for _ in range(_PAGES):
            page = self.wire.ask("GET", "/v2/voices", deadline_s=self.read_s, params=query).json()
            if not isinstance(at(page, "voices"), list):
                raise VendorProtocol("ElevenLabs' list of voices is no list.")
            yield from each(at(page, "voices"))
            token = text(at(page, "next_page_token"))
            if token is None or token == query.get("next_page_token") or flag(at(page, "has_more")) is False:
                return
            query = {**query, "next_page_token": token}

    def delete(self, voice_id: str) -> None:
        """Delete a voice; one that is not there is no error."""
        try:
            self.wire.ask("DELETE", voice_path(voice_id), deadline_s=self.read_s)
        except VendorRejected:
            try:
                self.voice(
                    voice_id
                )  # how a second deletion is answered is not documented; what counts is that it is gone
            except VendorVoiceNotFound:
                return
            raise

    def remove_sample(self, voice_path: str, voice_id: str, sample_id: str) -> None:
        """Delete a sample; one that is not there is no error. The path differs by engine."""
        try:
            self.wire.ask("DELETE", f"{voice_path}/samples/{quote(sample_id, safe='')}", deadline_s=self.read_s)
        except VendorRejected:
            try:
                is_there = any(sample.sample_id == sample_id for sample in samples_of(self.voice(voice_id)))
            except VendorVoiceNotFound:
                return
            if is_there:
                raise

    def check_room(self, engine: str) -> None:
        """Ask, before anything is created, whether the plan has room. Raises: VendorQuota.

        A field that is missing, and a key that may not read its plan, refuse nothing: the call itself will tell.
        """
        try:
            plan = self.wire.ask("GET", "/v1/user/subscription", deadline_s=self.read_s).json()
        except (VendorRejected, VendorProtocol):
            return
        except VendorAuth as error:
            if error.details.get("vendor_code") == "missing_permissions":
                return
            raise
        allowed, used_field, limit_field, what = _ROOM[engine]
        tier = text(at(plan, "tier")) or "current"
        if flag(at(plan, allowed)) is False:
            raise VendorQuota(
                f"The ElevenLabs plan '{tier}' makes no {'professional' if engine == 'pvc' else 'instant'} clones; "
                "take a larger one there, or choose another engine or vendor.",
                vendor=NAME,
                plan=tier,
            )
        _refuse_if_full(plan, used_field, limit_field, what, "Delete one there, or take a larger plan.")
        _refuse_if_full(
            plan, "voice_add_edit_counter", "max_voice_add_edits", "additions and changes of voices in this period",
            "Wait until the period begins anew, or take a larger plan.",
        )  # fmt: skip

    def summary(self) -> str:
        """Say what the plan holds, for operators."""
        plan = self.wire.ask("GET", "/v1/user/subscription", deadline_s=self.read_s).json()
        said = [f"the key works; plan {text(at(plan, 'tier')) or 'not said'}"]
        for _, used_field, limit_field, what in _ROOM.values():
            used, limit = whole(at(plan, used_field)), whole(at(plan, limit_field))
            if used is not None and limit is not None:
                said.append(f"{used} of {limit} {what}")
        used, limit = whole(at(plan, "voice_add_edit_counter")), whole(at(plan, "max_voice_add_edits"))
        if used is not None and limit is not None:
            said.append(f"{used} of {limit} additions and changes")
        return ", ".join(said)


def voice_path(voice_id: str) -> str:
    return f"/v1/voices/{quote(voice_id, safe='')}"


def pvc_path(voice_id: str) -> str:
    return f"/v1/voices/pvc/{quote(voice_id, safe='')}"


def labels_of(order: CloneOrder, marker: str) -> dict[str, str]:
    """Return the labels of a new voice: the client's own texts, what the clone says of the speaker, and our marker."""
    said = {"language": order.language, "gender": order.gender}
    own = {name: value for name, value in order.labels.items() if isinstance(value, str)}
    return {**{name: value for name, value in said.items() if value}, **own, LABEL: marker}


def noise_removal(files: Sequence[SampleFile], *, wanted: bool = False) -> str:
    """Return what the vendor is told of its own noise removal: never on top of ours, and only when it is asked for."""
    return "true" if wanted and not any(file.cleaned for file in files) else "false"


def distinct(files: Sequence[SampleFile]) -> list[SampleFile]:
    """Leave out files of the same bytes, because ElevenLabs refuses a request that holds one twice."""
    kept: dict[bytes, SampleFile] = {}
    for file in files:
        with file.path.open("rb") as stream:
            kept.setdefault(hashlib.file_digest(stream, "sha256").digest(), file)
    return list(kept.values())


def samples_of(voice: Mapping[str, Any]) -> tuple[VendorSample, ...]:
    """Return a voice's samples; what the vendor says of one beyond our words is its `detail`, whole."""
    return tuple(
        VendorSample(
            sample_id=sample_id,
            filename=text(at(sample, "file_name")),
            duration_s=number(at(sample, "duration_secs")),
            size_bytes=whole(at(sample, "size_bytes")),
            detail=sample,
        )
        for sample in each(at(voice, "samples"))
        if (sample_id := text(at(sample, "sample_id")))
    )


def new_id(answer: Any) -> str:
    """Return the id of a voice that was just made. Raises: VendorProtocol: there is none."""
    found = at(answer, "voice_id")
    if not isinstance(found, str) or not found.strip():
        raise VendorProtocol("ElevenLabs' answer names no voice.")
    return found


def _refuse_if_full(plan: Any, used_field: str, limit_field: str, what: str, remedy: str) -> None:
    used, limit = whole(at(plan, used_field)), whole(at(plan, limit_field))
    if used is not None and limit is not None and used >= limit:
        raise VendorQuota(
            f"The ElevenLabs plan is full: {used} of {limit} {what}. {remedy} Then 'clonepipe vendors resume {NAME}'.",
            vendor=NAME,
            used=used,
            limit=limit,
        )


def _carries(voice: Mapping[str, Any], marker: str) -> bool:
    return at(voice, "labels", LABEL) == marker or text(at(voice, "description")) == marker


def _not_found(voice_id: str, error: VendorRejected) -> VendorRejected:
    if isinstance(error, VendorVoiceNotFound) or error.details.get("vendor_status") == 404:
        return VendorVoiceNotFound(f"ElevenLabs has no voice '{voice_id[:60]}' for this key.")
    return error


def _complaint(answer: Answer) -> Complaint | None:
    if answer.is_good:
        return None
    detail = at(answer.json(), "detail")
    field = next(each(detail), None)
    if isinstance(detail, str):
        code, words = None, text(detail)
    elif field is not None:
        place = ".".join(str(step) for step in at(field, "loc") or () if step != "body")
        said = text(at(field, "msg"))
        code, words = text(at(field, "type")), f"{place}: {said}" if place and said else said
    else:
        code = text(at(detail, "code")) or text(at(detail, "status"))
        words = text(at(detail, "message"))
    return Complaint(code, words, _reset_s(answer))


def _reset_s(answer: Answer) -> float | None:
    """Return how long until the limit is lifted, where only that is said: a moment, or seconds from now."""
    said = number(answer.headers.get("x-ratelimit-reset"))
    if said is None or "retry-after" in answer.headers:
        return None
    if said > 1e11:
        said /= 1000
    return min(max(said - time.time() if said > 1e9 else said, 0.1), _WAIT_MOST_S)
