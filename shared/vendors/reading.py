"""Reading what vendors answer, leniently: a field that is missing or of another type is None, never a crash.

Vendors change their answers without a word. What an adapter truly needs it checks itself; everything else may lack.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any


def at(value: Any, *path: str | int) -> Any:
    """Return what lies at a path of keys and indices, or None where the path breaks off."""
    for step in path:
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def text(value: Any) -> str | None:
    """Return a text that is not blank; whole numbers count, because some ids come as such."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def number(value: Any) -> float | None:
    """Return a finite number, also one that was written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None


def whole(value: Any) -> int | None:
    """Return a whole number."""
    found = number(value)
    return None if found is None else int(found)


def flag(value: Any) -> bool | None:
    """Return true or false, also written as text."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def moment(value: Any) -> datetime | None:
    """Return a moment given as ISO 8601 or as seconds or milliseconds since 1970; without a zone it is UTC."""
    found = number(value)
    try:
        if found is not None:
            return datetime.fromtimestamp(found / 1000 if found > 1e11 else found, UTC)
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed is not None and parsed.tzinfo is None else parsed


def each(value: Any) -> Iterator[Mapping[str, Any]]:
    """Walk the objects of a list; anything else in it, and anything but a list, is passed over."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def first_list(*candidates: Any) -> list[Any] | None:
    """Return the first of several places that holds a list, because a vendor's pages disagree on where it is."""
    return next((found for found in candidates if isinstance(found, list)), None)
