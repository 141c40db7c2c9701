"""What a client may change of a clone, by the rules that its creation was held to."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from api import fields
from shared import clones, views
from shared.clones import CloneChange
from shared.errors import InvalidField, MissingField
from shared.vendors import Vendors
from shared.views import CloneView

CHANGEABLE: Final = ("name", "description", "isActive")


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """A change as wished, checked as far as it can be without the clone, and the fields that mean nothing here."""

    wish: CloneChange
    ignored: tuple[str, ...]

    def apply(self, session: Session, vendors: Vendors, account_id: str, clone_id: str) -> CloneView:
        """Change the clone; return it. Raises: NotFound, InvalidField: when its engine takes no such name."""
        if self.wish.name is not None:
            before = views.get(session, account_id, clone_id)
            engine = vendors.engine_of(before.vendor, before.engine)
            if engine is not None:
                fields.check_name_fits(self.wish.name, before.vendor, engine)
        clones.change(session, account_id, clone_id, self.wish)
        return views.get(session, account_id, clone_id)


def change_order(document: dict[str, Any]) -> ChangeOrder:
    """Return what a document asks for; null and what is left out stay as they are.

    Raises: InvalidField; MissingField: when that is everything.
    """
    name, description = _text(document, "name"), _text(document, "description")
    is_active = document.get("isActive")
    if is_active is not None and not isinstance(is_active, bool):
        raise InvalidField("'isActive' must be true or false.", field="isActive")
    wish = CloneChange(
        name=None if name is None else fields.name("name", name),
        description=None if description is None else fields.description("description", description),
        is_active=is_active,
    )
    ignored = dict.fromkeys(fields.shown(field) for field in document if field not in CHANGEABLE)
    if wish == CloneChange():
        raise MissingField(
            f"There is nothing to change: give at least one of {', '.join(CHANGEABLE)} a value other than null.",
            changeable=list(CHANGEABLE),
            ignored=list(ignored),
        )
    return ChangeOrder(wish, tuple(ignored))


def _text(document: dict[str, Any], field: str) -> str | None:
    value = document.get(field)
    if value is not None and not isinstance(value, str):
        raise InvalidField(f"'{field}' must be text in quotation marks.", field=field)
    return value
