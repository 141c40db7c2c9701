"""The form fields of a new clone, or of a check: what each may hold, checked as it arrives, and then the whole."""

from collections.abc import Callable
from typing import Any, Final

from api import fields
from shared.clones import NewClone, NewSample
from shared.errors import InvalidField, MissingField
from shared.states import Denoise, Trim
from shared.vendors import Vendors, engine_named
from shared.vendors.engines import Engine

_CHECKS: Final[dict[str, Callable[[str, str], Any]]] = {
    "name": fields.name,
    "description": fields.description,
    "vendor": fields.vendor_list,
    "engine": fields.word,
    "language": fields.language,
    "gender": lambda field, value: fields.one_of(field, value, fields.GENDERS),
    "denoise": lambda field, value: fields.one_of(field, value, tuple(Denoise)),
    "trim": lambda field, value: fields.one_of(field, value, tuple(Trim)),
    "labels": fields.json_object,
    "settings": fields.json_object,
    "callback_url": fields.url,
}
FIELDS: Final = tuple(_CHECKS)
CHECK_FIELDS: Final = ("vendor", "engine", "denoise", "trim")


class _Form:
    """Collects the fields of one request that mean something to it; the others are noted and left alone."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._checks = {name: _CHECKS[name] for name in names}
        self._values: dict[str, Any] = {}
        self.ignored: list[str] = []

    def take(self, field: str, value: str) -> None:
        """Check a field as soon as it is complete. One that is empty counts as absent. Raises: InvalidField."""
        check = self._checks.get(field)
        if check is None:
            if fields.shown(field) not in self.ignored:
                self.ignored.append(fields.shown(field))
            return
        if field in self._values:
            raise InvalidField(f"'{field}' is given twice; send it once.", field=field)
        if value.strip():
            self._values[field] = check(field, value)


class OrderForm(_Form):
    """The fields of a new clone."""

    def __init__(self) -> None:
        super().__init__(FIELDS)
        self._chosen: tuple[tuple[str, str], ...] = ()

    def complete(self, vendors: Vendors, default_vendor: str | None) -> Engine:
        """Check what needs all fields; return the engine. Raises: MissingField, InvalidField."""
        name = self._values.get("name")
        if not name:
            raise MissingField("The field 'name' is required: what the voice clone shall be called.", field="name")
        wanted = self._values.get("vendor") or ((None, None),)
        chosen = [vendors.choose(vendor, self._engine_of(engine), default_vendor) for vendor, engine in wanted]
        for vendor, engine in chosen:
            fields.check_name_fits(name, vendor.name, engine)
            if not engine.abilities.creates:
                raise InvalidField(
                    f"{vendor.name}/{engine.name} makes no new voices; adopt one that exists "
                    "(POST /api/v2/voice-clones/adopt), or choose another engine.",
                    field="engine",
                )
            if engine.abilities.needs_language and not self._values.get("language"):
                raise MissingField(
                    f"{vendor.name}/{engine.name} needs the field 'language': which one is spoken in the recordings, "
                    "for instance 'en'.",
                    field="language",
                )
        self._chosen = tuple((vendor.name, engine.name) for vendor, engine in chosen)
        if len(set(self._chosen)) < len(self._chosen):
            raise InvalidField("'vendor' names an engine twice; name each once, best first.", field="vendor")
        return chosen[0][1]

    def _engine_of(self, named: str | None) -> str | None:
        """Return the engine of one vendor: of a list each says its own. Raises: InvalidField."""
        engine = self._values.get("engine")
        if engine is not None and (named is not None or len(self._values.get("vendor") or ()) > 1):
            raise InvalidField(
                "'engine' goes with one 'vendor'; in a list write each as 'vendor/engine'.", field="engine"
            )
        return named or engine

    def clone(self, clone_id: str, account_id: str, samples: tuple[NewSample, ...]) -> NewClone:
        """Return the order; `complete` was called before. Raises: MissingField: without a recording."""
        if not samples:
            raise MissingField("The field 'files' is required: one or more recordings of the voice.", field="files")
        values = self._values
        (vendor, engine), *fallbacks = self._chosen
        return NewClone(
            id=clone_id, account_id=account_id, name=values["name"], vendor=vendor, engine=engine,
            fallbacks=tuple(fallbacks), samples=samples, description=values.get("description"),
            language=values.get("language"), gender=values.get("gender"),
            denoise=Denoise(values.get("denoise", Denoise.AUTO)), trim=Trim(values.get("trim", Trim.AUTO)),
            labels=values.get("labels", {}), voice_settings=values.get("settings", {}),
            callback_url=values.get("callback_url"),
        )  # fmt: skip


class CheckForm(_Form):
    """The fields of a check: those of a new clone that decide what would be sent to whom."""

    def __init__(self) -> None:
        super().__init__(CHECK_FIELDS)

    @property
    def denoise(self) -> str:
        return str(self._values.get("denoise", Denoise.AUTO.value))

    @property
    def trim(self) -> str:
        return str(self._values.get("trim", Trim.AUTO.value))

    def choose(self, vendors: Vendors, default_vendor: str | None) -> tuple[str, Engine]:
        """Return the vendor's name and the engine. Raises: InvalidField: naming what there is.

        Any engine that is declared can be checked against, whether or not it can be used here.
        """
        named, engine = self._values.get("vendor"), self._values.get("engine")
        if named is not None:
            if len(named) > 1:
                raise InvalidField("A check is against one engine; name one 'vendor'.", field="vendor")
            ((vendor, of_it),) = named
            return vendor, engine_named(vendor, of_it or engine)
        chosen, found = vendors.choose(None, engine, default_vendor)
        return chosen.name, found
