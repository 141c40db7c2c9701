"""What a refusal means: which error it is, in words that name the remedy.

The vendor file's own (status, code) table decides first, then the status, never the free text, which is only shown.
"""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from shared.errors import (
    UnknownOutcome,
    VendorAuth,
    VendorError,
    VendorProtocol,
    VendorQuota,
    VendorRateLimited,
    VendorRejected,
    VendorUnavailable,
)
from shared.vendors.answer import Answer, Complaint

Meanings = Mapping[tuple[int | None, str], type[VendorError]]  # by (status, the vendor's code); status None: any

_RETRY_AFTER_S: Final = 30.0  # where the vendor says "slow down" and not for how long
_RETRY_AFTER_MOST_S: Final = 6 * 3600.0
_WORDS_CHARS: Final = 500
_TITLES: Final = {"elevenlabs": "ElevenLabs"}

_REMEDIES: Final[dict[type[VendorError], str]] = {
    VendorAuth: "The operator must check CLONEPIPE_{VENDOR}_API_KEY and what it may do; then 'clonepipe vendors "
    "resume {vendor}'.",
    VendorQuota: "Delete a voice at the vendor or take a larger plan there; then 'clonepipe vendors resume {vendor}'.",
    VendorRejected: "Change what it names and create the clone again, or choose another engine.",
    VendorUnavailable: "It is tried again.",
}


def refusal(vendor: str, answer: Answer, said: Complaint, meanings: Meanings, *, creates: bool) -> VendorError:
    """Return the error that a refusing answer means. `creates`: the call may have made something before it failed."""
    kind = _meaning(meanings, answer, said.code) or _by_status(answer, creates=creates)
    message = f"{_opening(kind, title_of(vendor), answer)}{_quoted(said)}. {_remedy(kind, vendor)}".strip()
    details = {"vendor": vendor, "vendor_status": answer.status, "vendor_code": said.code}
    if issubclass(kind, VendorRateLimited):
        return kind(message, retry_after_s=said.retry_after_s or _retry_after_s(answer), **details)
    return kind(message, **details)


def title_of(vendor: str) -> str:
    """Return a vendor's name as it writes it."""
    return _TITLES.get(vendor, vendor.capitalize())


def _meaning(meanings: Meanings, answer: Answer, code: str | None) -> type[VendorError] | None:
    if code is None:
        return None
    return meanings.get((answer.status, code)) or meanings.get((None, code))


def _remedy(kind: type[VendorError], vendor: str) -> str:
    """Return the advice for a kind of error, or nothing."""
    for ancestor in kind.__mro__:
        if ancestor in _REMEDIES:
            return _REMEDIES[ancestor].format(vendor=vendor, VENDOR=vendor.upper())
    return ""


def _by_status(answer: Answer, *, creates: bool) -> type[VendorError]:
    match answer.status:
        case 401:
            return VendorAuth
        case 402:
            return VendorQuota
        case 403:
            # A page of HTML is the edge in front of the vendor; the vendor itself speaks JSON.
            return VendorAuth if answer.json() is not None else VendorUnavailable
        case 429:
            return VendorRateLimited
        case 408 | 425:
            return UnknownOutcome if creates else VendorUnavailable
        case status if 400 <= status < 500:
            return VendorRejected
        case status if status >= 500:
            return UnknownOutcome if creates else VendorUnavailable
    return VendorProtocol


def _opening(kind: type[VendorError], title: str, answer: Answer) -> str:
    if answer.status == 403 and kind is VendorUnavailable:
        return f"The edge in front of {title} refused the request before {title} saw it (HTTP 403)"
    verb = "asked us to slow down" if issubclass(kind, VendorRateLimited) else "refused"
    if answer.status >= 500:
        verb = "failed"
    elif issubclass(kind, VendorProtocol):
        verb = "answered something unexpected"
    return f"{title} {verb} (HTTP {answer.status})"


def _quoted(complaint: Complaint) -> str:
    said = complaint.words or complaint.code
    return f": {said.strip().rstrip('.')[:_WORDS_CHARS]}" if said else ""


def _retry_after_s(answer: Answer) -> float:
    said = answer.headers.get("retry-after", "").strip()
    try:
        wait_s = float(said)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(said).timestamp() - time.time()
        except ValueError:
            return _RETRY_AFTER_S
    return min(max(wait_s, 0.0), _RETRY_AFTER_MOST_S) if wait_s == wait_s else _RETRY_AFTER_S
