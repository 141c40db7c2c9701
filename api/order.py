"""The form fields of a new clone: what each may hold, checked as it arrives, and the whole before it is kept."""

import json
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from shared.clones import NewClone, NewSample
from shared.errors import InvalidField, MissingField
from shared.states import Denoise, Trim
from shared.vendors import Vendors
from shared.vendors.protocol import Engine

DESCRIPTION_CHARS: Final = 2000
NAME_CHARS: Final = 255  # what a row can hold; the engine's own limit is checked when the engine is known
JSON_CHARS: Final = 16_384
URL_CHARS: Final = 2048
GENDERS: Final = ("male", "female", "neutral")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")  # the common part of BCP 47
_WORD: Final = re.compile(r"[a-z0-9_]{1,32}")


def _text(field: str, value: str, most: int) -> str:
    cleaned = value.strip()
    if len(cleaned) > most:
        raise InvalidField(
            f"'{field}' has {len(cleaned)} characters; at most {most} are allowed.",
            field=field,
            limit=most,
            found=len(cleaned),
        )
    if any(ord(character) < 32 and character not in "\n\t" for character in cleaned):
        raise InvalidField(f"'{field}' contains control characters; remove them.", field=field)
    return cleaned


def _word(field: str, value: str) -> str:
    cleaned = value.strip().lower()
    if not _WORD.fullmatch(cleaned):
        raise InvalidField(f"'{field}' must be a word such as 'sandbox'; found '{value[:40]}'.", field=field)
    return cleaned


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> str:
    cleaned = value.strip().lower()
    if cleaned not in allowed:
        raise InvalidField(
            f"'{field}' must be one of {', '.join(allowed)}; found '{value[:40]}'.", field=field, allowed=list(allowed)
        )
    return cleaned


def _object(field: str, value: str) -> dict[str, Any]:
    if len(value) > JSON_CHARS:
        raise InvalidField(
            f"'{field}' has {len(value)} characters; at most {JSON_CHARS} are allowed.",
            field=field,
            limit=JSON_CHARS,
            found=len(value),
        )
    try:
        parsed = json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidField(
            f"'{field}' must be a JSON object such as {{\"key\": \"value\"}}; found '{value[:40]}'.", field=field
        )
    return parsed


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _language(field: str, value: str) -> str:
    cleaned = value.strip()
    if not _LANGUAGE.fullmatch(cleaned):
        raise InvalidField(
            f"'{field}' must be a language tag such as 'en' or 'pt-BR'; found '{value[:40]}'.", field=field
        )
    return cleaned


def _url(field: str, value: str) -> str:
    cleaned = value.strip()
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


_CHECKS: Final[dict[str, Callable[[str, str], Any]]] = {
    "name": lambda field, value: _text(field, value, NAME_CHARS),
    "description": lambda field, value: _text(field, value, DESCRIPTION_CHARS),
    "vendor": _word,
    "engine": _word,
    "language": _language,
    "gender": lambda field, value: _one_of(field, value, GENDERS),
    "denoise": lambda field, value: _one_of(field, value, tuple(Denoise)),
    "trim": lambda field, value: _one_of(field, value, tuple(Trim)),
    "labels": _object,
    "settings": _object,
    "callback_url": _url,
}
FIELDS: Final = tuple(_CHECKS)


class OrderForm:
    """Collects the fields of one request."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self.ignored: list[str] = []

    def take(self, field: str, value: str) -> None:
        """Check a field as soon as it is complete. One that is empty counts as absent. Raises: InvalidField."""
        check = _CHECKS.get(field)
        if check is None:
            if field not in self.ignored:
                self.ignored.append(field[:64])
            return
        if field in self._values:
            raise InvalidField(f"'{field}' is given twice; send it once.", field=field)
        if value.strip():
            self._values[field] = check(field, value)

    def complete(self, vendors: Vendors, default_vendor: str | None) -> Engine:
        """Check what needs all fields; return the engine. Raises: MissingField, InvalidField."""
        name = self._values.get("name")
        if not name:
            raise MissingField("The field 'name' is required: what the voice clone shall be called.", field="name")
        vendor, engine = vendors.choose(self._values.get("vendor"), self._values.get("engine"), default_vendor)
        self._values["vendor"], self._values["engine"] = vendor.name, engine.name
        most = engine.limits.name_chars.most
        if most is not None and len(name) > most:
            raise InvalidField(
                f"'name' has {len(name)} characters; {vendor.name}/{engine.name} takes at most {most:g}.",
                field="name",
                limit=int(most),
                found=len(name),
            )
        return engine

    def clone(self, clone_id: str, account_id: str, samples: tuple[NewSample, ...]) -> NewClone:
        """Return the order; `complete` was called before. Raises: MissingField: without a recording."""
        if not samples:
            raise MissingField("The field 'files' is required: one or more recordings of the voice.", field="files")
        values = self._values
        return NewClone(
            id=clone_id, account_id=account_id, name=values["name"], vendor=values["vendor"], engine=values["engine"],
            samples=samples, description=values.get("description"), language=values.get("language"),
            gender=values.get("gender"), denoise=Denoise(values.get("denoise", Denoise.AUTO)),
            trim=Trim(values.get("trim", Trim.AUTO)), labels=values.get("labels", {}),
            voice_settings=values.get("settings", {}), callback_url=values.get("callback_url"),
        )  # fmt: skip
