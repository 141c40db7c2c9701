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
    VendorVoiceInUse,
)
from shared.vendors.answer import Answer, Complaint
from shared.vendors.reading import number

Meanings = Mapping[tuple[int | None, str], type[VendorError]]  # by (status, the vendor's code); status None: any

_RETRY_AFTER_S: Final = 30.0  # where the vendor says "slow down" and not for how long
_RETRY_AFTER_MOST_S: Final = 6 * 3600.0
_WORDS_CHARS: Final = 500
_PAGES: Final = ("text/html", "application/xhtml+xml")
_TITLES: Final = {"elevenlabs": "ElevenLabs"}

_REMEDIES: Final[dict[type[VendorError], str]] = {
    VendorAuth: "The operator must check CLONEPIPE_{VENDOR}_API_KEY and what it may do; then 'clonepipe vendors "
    "resume {vendor}'.",
    VendorQuota: "Delete a voice at the vendor or take a larger plan there; then 'clonepipe vendors resume {vendor}'.",
    VendorVoiceInUse: "It can be deleted when what speaks with it there has ended.",
    VendorRejected: "Change what it names and ask anew, or choose another engine.",
}
_UNPAID: Final = "Settle the account's billing at {title}; then 'clonepipe vendors resume {vendor}'."


def refusal(vendor: str, answer: Answer, said: Complaint, meanings: Meanings, *, creates: bool) -> VendorError:
    """Return the error that a refusing answer means. `creates`: the call may have made something before it failed."""
    kind = _meaning(meanings, answer, said.code) or _by_status(answer, creates=creates)
    message = f"{_opening(kind, title_of(vendor), answer)}{_quoted(said)}. {_remedy(kind, vendor, answer)}".strip()
    details = {
        "vendor": vendor,
        "vendor_status": answer.status,
        "vendor_code": said.code,
        "vendor_words": (said.words or "")[:_WORDS_CHARS] or None,
    }
    if issubclass(kind, VendorRateLimited):
        wait_s = _header_wait_s(answer) if said.retry_after_s is None else said.retry_after_s
        return kind(message, retry_after_s=_within_reason(wait_s), **details)
    return kind(message, **details)


def title_of(vendor: str) -> str:
    """Return a vendor's name as it writes it."""
    return _TITLES.get(vendor, vendor.capitalize())


def _meaning(meanings: Meanings, answer: Answer, code: str | None) -> type[VendorError] | None:
    if code is None:
        return None
    return meanings.get((answer.status, code)) or meanings.get((None, code))


def _remedy(kind: type[VendorError], vendor: str, answer: Answer) -> str:
    """Return the advice for a kind of error, or nothing."""
    if answer.status == 402 and issubclass(kind, VendorQuota):
        return _UNPAID.format(title=title_of(vendor), vendor=vendor)
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
        case 403 | 404 | 405 if _is_page(answer):
            # The vendor itself speaks JSON: this is the edge in front of it, or not the vendor at all.
            return VendorUnavailable
        case 403:
            return VendorAuth
        case 429:
            return VendorRateLimited
        case 408 | 425:
            return UnknownOutcome if creates else VendorUnavailable
        case status if 400 <= status < 500:
            return VendorRejected
        case status if status >= 500:
            return UnknownOutcome if creates else VendorUnavailable
    return VendorProtocol


def _is_page(answer: Answer) -> bool:
    """Tell whether somebody else answered: with a page for people, as it says or, where it does not, by how it begins.

    A body that is missing is no page.
    """
    said = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return said in _PAGES if said else answer.body.lstrip()[:1] == b"<"


def _opening(kind: type[VendorError], title: str, answer: Answer) -> str:
    if _is_page(answer) and kind is VendorUnavailable and answer.status < 500:
        variable = f"CLONEPIPE_{title.upper()}_BASE_URL"
        return (
            f"A page came in place of {title}'s answer (HTTP {answer.status}). The edge in front of {title} refused "
            f"the request, or {variable} is not {title}'s address"
        )
    verb = "asked us to slow down" if issubclass(kind, VendorRateLimited) else "refused"
    if answer.status >= 500:
        verb = "failed"
    elif issubclass(kind, VendorProtocol):
        verb = "answered something unexpected"
    return f"{title} {verb} (HTTP {answer.status})"


def _quoted(complaint: Complaint) -> str:
    said = complaint.words or complaint.code
    return f": {said.strip().rstrip('.')[:_WORDS_CHARS]}" if said else ""


def _header_wait_s(answer: Answer) -> float | None:
    """Return what the headers ask for: milliseconds, seconds or a date; None: nothing that can be read."""
    in_ms = number(answer.headers.get("retry-after-ms"))
    if in_ms is not None:
        return in_ms / 1000
    said = answer.headers.get("retry-after", "").strip()
    in_s = number(said)
    if in_s is not None:
        return in_s
    try:
        return parsedate_to_datetime(said).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None


def _within_reason(wait_s: float | None) -> float:
    return _RETRY_AFTER_S if wait_s is None else min(max(wait_s, 0.0), _RETRY_AFTER_MOST_S)
