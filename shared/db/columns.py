"""What all tables share: how words, moments and JSON are stored, and how constraints are named."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Enum, MetaData, String
from sqlalchemy.orm import DeclarativeBase

from shared.db.moment import Moment

Json = dict[str, Any]


def word(kind: type[Any], length: int = 32) -> Enum:
    """Store an enum's value as text: a new word needs no migration in any database."""
    return Enum(
        kind, native_enum=False, create_constraint=False, length=length, values_callable=lambda e: [w.value for w in e]
    )


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can find it on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        datetime: Moment(),
        str: String(255),
        Json: JSON(),
        list[str]: JSON(),
        list[list[str]]: JSON(),
        list[Json]: JSON(),
        list[list[int]]: JSON(),
    }
