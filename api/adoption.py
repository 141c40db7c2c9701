"""What a client may adopt: a voice at a vendor, looked up there before anything is written."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from api import fields
from shared import adoption, clones
from shared.asking import Subject, ask
from shared.errors import InvalidField, MissingField
from shared.ids import CLONE, new_id
from shared.services import Services
from shared.vendors.protocol import Vendor, VoiceAtVendor

ADOPTABLE: Final = ("vendor", "engine", "voiceId", "name")
_VOICE_ID_CHARS: Final = 255


@dataclass(frozen=True, slots=True)
class AdoptionOrder:
    """An adoption as wished, and the fields that mean nothing here."""

    vendor: str
    engine: str | None
    voice_id: str
    name: str | None
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Adoptee:
    """A voice that was found at its vendor and may be adopted."""

    clone_id: str
    vendor: str
    voice: VoiceAtVendor
    name: str

    def write(self, session: Session, account_id: str, *, max_clones: int) -> None:
        """Make it a clone. Raises: CloneLimitExceeded, AlreadyAdopted."""
        adoption.adopt(session, account_id, self.clone_id, self.vendor, self.voice, self.name, max_clones=max_clones)


def adoption_order(document: dict[str, Any]) -> AdoptionOrder:
    """Return what a document asks for. Raises: MissingField, InvalidField."""
    values = {field: _text(document, field) for field in ADOPTABLE}
    for required in ("vendor", "voiceId"):
        if not values[required]:
            raise MissingField(f"The field '{required}' is required.", field=required)
    voice_id = str(values["voiceId"])
    if len(voice_id) > _VOICE_ID_CHARS or not voice_id.isprintable():
        raise InvalidField(f"'voiceId' must be one line of at most {_VOICE_ID_CHARS} characters.", field="voiceId")
    name, engine = values["name"], values["engine"]
    return AdoptionOrder(
        vendor=fields.word("vendor", str(values["vendor"])),
        engine=fields.word("engine", engine) if engine else None,
        voice_id=voice_id,
        name=fields.name("name", name) if name else None,
        ignored=tuple(dict.fromkeys(fields.shown(field) for field in document if field not in ADOPTABLE)),
    )


def look_up(services: Services, account_id: str, order: AdoptionOrder) -> Adoptee:
    """Find the voice at its vendor. Nothing is written but what was asked and answered.

    Raises: InvalidField: another engine than was said; CloneLimitExceeded, and what the vendor's adapter raises.
    """
    with services.database.read() as session:
        clones.check_slot(session, account_id, services.settings.max_clones_per_user)
    vendor, _ = services.vendors.choose(order.vendor, order.engine, None)
    clone_id = new_id(CLONE)

    def look(at: Vendor) -> VoiceAtVendor:
        return at.look_up(order.voice_id)

    voice = ask(services.database, vendor, Subject(clone_id), look)
    if order.engine is not None and voice.engine != order.engine:
        raise InvalidField(
            f"The voice '{voice.voice_id[:60]}' is one of {vendor.name}/{voice.engine}, not of "
            f"{vendor.name}/{order.engine}; say the right engine, or leave it out.",
            field="engine",
            found=voice.engine,
        )
    return Adoptee(clone_id, vendor.name, voice, order.name or voice.name[: fields.NAME_CHARS])


def _text(document: dict[str, Any], field: str) -> str | None:
    value = document.get(field)
    if value is not None and not isinstance(value, str):
        raise InvalidField(f"'{field}' must be text in quotation marks.", field=field)
    return value.strip() if value else None
