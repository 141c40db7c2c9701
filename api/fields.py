"""What the value of one field may hold, whichever request brings it: checked, so that all that is kept can be told.

Text is what every database can store and every terminal can show: no lone surrogates, no control characters. Raises
throughout: InvalidField, which names the field.
"""

import json
import math
import re
import unicodedata
from typing import Any, Final
from urllib.parse import urlsplit

from shared.errors import InvalidField
from shared.vendors.engines import Engine

DESCRIPTION_CHARS: Final = 2000
NAME_CHARS: Final = 255  # what a row can hold; the engine's own limit is checked when the engine is known
JSON_CHARS: Final = 16_384
JSON_LEVELS: Final = 16  # of objects and lists inside each other
NUMBER_DIGITS: Final = 400  # more than the largest float has; reading digits takes time that grows with their square
URL_CHARS: Final = 2048
MOST_VENDORS: Final = 8
GENDERS: Final = ("male", "female", "neutral")
_SHOWN_CHARS: Final = 64
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")  # the common part of BCP 47
_WORD: Final = re.compile(r"[a-z0-9_]{1,32}")
_LAYOUT: Final = "\n\t"
_UNSTORABLE: Final = ("Cc", "Cs")  # control characters; halves of a pair, which UTF-8 cannot write
_BREAKS: Final = ("Zl", "Zp")  # U+2028 and U+2029, which end a line as well
_KINDS: Final = {"Cc": "the control character", "Cs": "half of a surrogate pair,"}


def name(field: str, value: str) -> str:
    """Return what something is called: one line with at least one visible character."""
    cleaned = _short_enough(field, value.strip(), NAME_CHARS)
    _check_characters(field, cleaned, kept="", refused=(*_UNSTORABLE, *_BREAKS))
    if not any(unicodedata.category(character)[0] not in "CZ" for character in cleaned):
        raise InvalidField(f"'{field}' is blank; give it at least one visible character.", field=field)
    return cleaned


def check_name_fits(found: str, vendor: str, engine: Engine) -> None:
    """Hold a name against its engine's own limit."""
    most = engine.limits.name_chars.most
    if most is not None and len(found) > most:
        raise InvalidField(
            f"'name' has {len(found)} characters; {vendor}/{engine.name} takes at most {most:g}.",
            field="name",
            limit=int(most),
            found=len(found),
        )


def description(field: str, value: str) -> str:
    """Return text of several lines, with the line ends that browsers send made plain."""
    cleaned = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    _check_characters(field, _short_enough(field, cleaned, DESCRIPTION_CHARS), kept=_LAYOUT)
    return cleaned


def word(field: str, value: str) -> str:
    """Return a short word such as a vendor's name, in lower case."""
    cleaned = value.strip().lower()
    if not _WORD.fullmatch(cleaned):
        raise InvalidField(f"'{field}' must be a word such as 'sandbox'; found '{shown(value)}'.", field=field)
    return cleaned


def vendor_list(field: str, value: str) -> tuple[tuple[str, str | None], ...]:
    """Return vendors in order of preference, as 'vendor' or 'vendor/engine' between commas; the engine may be None."""
    named = []
    for one in value.split(","):
        vendor, slash, engine = one.partition("/")
        named.append((word(field, vendor), word(field, engine) if slash else None))
    if len(named) > MOST_VENDORS:
        raise InvalidField(
            f"'{field}' names {len(named)} vendors; at most {MOST_VENDORS} are tried.", field=field, limit=MOST_VENDORS
        )
    return tuple(named)


def one_of(field: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed words."""
    cleaned = value.strip().lower()
    if cleaned not in allowed:
        raise InvalidField(
            f"'{field}' must be one of {', '.join(allowed)}; found '{shown(value)}'.",
            field=field,
            allowed=list(allowed),
        )
    return cleaned


def language(field: str, value: str) -> str:
    """Return a language tag."""
    cleaned = value.strip()
    if not _LANGUAGE.fullmatch(cleaned):
        raise InvalidField(
            f"'{field}' must be a language tag such as 'en' or 'pt-BR'; found '{shown(value)}'.", field=field
        )
    return cleaned


def url(field: str, value: str) -> str:
    """Return an address that may be called."""
    cleaned = value.strip()
    _check_characters(field, cleaned, kept="")  # urlsplit drops some of them without a word
    try:
        parts = urlsplit(cleaned)
        usable = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        usable = False
    if not usable or len(cleaned) > URL_CHARS or any(character.isspace() for character in cleaned):
        raise InvalidField(
            f"'{field}' must be an http(s) URL without user name or password, of at most {URL_CHARS} characters.",
            field=field,
        )
    return cleaned


def json_object(field: str, value: str) -> dict[str, Any]:
    """Return a JSON object that can be stored and written again as it came."""
    _short_enough(field, value, JSON_CHARS)

    def integer(digits: str) -> int:
        if len(digits) > NUMBER_DIGITS:
            raise InvalidField(
                f"'{field}' has a number of {len(digits)} digits; at most {NUMBER_DIGITS} are read.",
                field=field,
                limit=NUMBER_DIGITS,
            )
        return int(digits)

    try:
        parsed = json.loads(value, parse_constant=_no_number, parse_float=_finite, parse_int=integer)
    except RecursionError:
        raise _too_deep(field) from None
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidField(
            f"'{field}' must be a JSON object of text, finite numbers, true, false, null, lists and objects, such as "
            f'{{"key": "value"}}; found \'{shown(value)}\'.',
            field=field,
        )
    _check_inside(field, parsed)
    return parsed


def shown(value: str) -> str:
    """Return the beginning of what a client wrote, as something that can be shown anywhere."""
    return "".join(character for character in value[:_SHOWN_CHARS] if _is_plain(character, _UNSTORABLE))


def _is_plain(character: str, refused: tuple[str, ...]) -> bool:
    return unicodedata.category(character) not in refused


def _short_enough(field: str, value: str, most: int) -> str:
    if len(value) > most:
        raise InvalidField(
            f"'{field}' has {len(value)} characters; at most {most} are allowed.",
            field=field,
            limit=most,
            found=len(value),
        )
    return value


def _check_characters(field: str, value: str, *, kept: str, refused: tuple[str, ...] = _UNSTORABLE) -> None:
    for character in value:
        if character not in kept and not _is_plain(character, refused):
            kind = _KINDS.get(unicodedata.category(character), "the line separator")
            raise InvalidField(
                f"'{field}' contains {kind} U+{ord(character):04X}, which cannot be kept; remove it.",
                field=field,
                found=f"U+{ord(character):04X}",
            )


def _check_inside(field: str, whole: dict[str, Any]) -> None:
    """Look at every level, key and text without recursion of our own: what is deep is what is to be refused."""
    level: list[Any] = [whole]
    depth = 0
    while level:
        depth += any(isinstance(one, (dict, list)) for one in level)
        if depth > JSON_LEVELS:
            raise _too_deep(field)
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                _check_characters(field, one, kept=_LAYOUT + "\r")
            elif isinstance(one, dict):
                below += [*one, *one.values()]
            elif isinstance(one, list):
                below += one
        level = below


def _too_deep(field: str) -> InvalidField:
    return InvalidField(
        f"'{field}' nests objects and lists more than {JSON_LEVELS} levels deep; make it flatter.",
        field=field,
        limit=JSON_LEVELS,
    )


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


def _no_number(word: str) -> float:
    raise ValueError(word)
