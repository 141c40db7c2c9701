"""Who trains voices: one file a vendor, one line here. Everything else reads this registry.

`ENGINES` is what is known of every vendor, whether or not it can be used here; `Vendors` is what can be used.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from shared.errors import InvalidField, SetupError
from shared.settings import Settings
from shared.storage.protocol import Storage
from shared.vendors import bland, buena, elevenlabs, retell, sandbox
from shared.vendors.engines import Engine
from shared.vendors.protocol import Vendor
from shared.vendors.sandbox import Sandbox

SANDBOX = Sandbox.name

ENGINES: Final[Mapping[str, Mapping[str, Engine]]] = {
    bland.NAME: bland.ENGINES,
    elevenlabs.NAME: elevenlabs.ENGINES,
    buena.NAME: buena.ENGINES,
    retell.NAME: retell.ENGINES,
    SANDBOX: sandbox.ENGINES,
}

_OPENERS: Final[tuple[Callable[[Settings], Vendor | None], ...]] = (
    bland.open_bland,
    elevenlabs.open_elevenlabs,
    buena.open_buena,
    retell.open_retell,
)


_NOTICES: Final[Mapping[str, str | None]] = {
    kind.name: kind.notice for kind in (bland.Bland, elevenlabs.ElevenLabs, buena.Buena, retell.Retell, Sandbox)
}


def notice_of(name: str) -> str | None:
    """Return what is shown beside a vendor's clones."""
    return _NOTICES.get(name)


def engine_named(vendor: str, engine: str | None = None) -> Engine:
    """Return a declared engine, configured here or not; a vendor's first without `engine`. Raises: InvalidField."""
    if vendor not in ENGINES:
        raise InvalidField(f"There is no vendor '{vendor[:40]}'. Known: {', '.join(ENGINES)}.", field="vendor")
    return _engine_among(ENGINES[vendor], vendor, engine)


def _engine_among(engines: Mapping[str, Engine], vendor: str, engine: str | None) -> Engine:
    chosen = engine or next(iter(engines))
    if chosen not in engines:
        raise InvalidField(f"{vendor} has no engine '{chosen[:40]}'. It has: {', '.join(engines)}.", field="engine")
    return engines[chosen]


class Vendors:
    """The vendors that this installation can use."""

    def __init__(self, configured: tuple[Vendor, ...]) -> None:
        self._by_name = {vendor.name: vendor for vendor in configured}

    def __getitem__(self, name: str) -> Vendor:
        """Return a vendor that a row names. Raises: SetupError: when its key is no longer configured."""
        try:
            return self._by_name[name]
        except KeyError:
            raise SetupError(
                f"The vendor '{name}' is not configured here any more; set CLONEPIPE_{name.upper()}_API_KEY."
            ) from None

    def __iter__(self) -> Iterator[Vendor]:
        return iter(self._by_name.values())

    def engine_of(self, vendor: str, engine: str) -> Engine | None:
        """Return the engine that a row names, or None when it is not configured here any more."""
        found = self._by_name.get(vendor)
        return found.engines.get(engine) if found else None

    def names(self) -> tuple[str, ...]:
        """Return every configured vendor as `vendor/engine`."""
        return tuple(f"{vendor.name}/{engine}" for vendor in self._by_name.values() for engine in vendor.engines)

    def choose(self, vendor: str | None, engine: str | None, default: str | None) -> tuple[Vendor, Engine]:
        """Resolve what a request names, or leaves out, to one engine. Raises: InvalidField."""
        if vendor is None:
            vendor, engine = self._default(default, engine)
        found = self._by_name.get(vendor)
        if found is None:
            raise InvalidField(
                f"There is no vendor '{vendor[:40]}' here. Configured: {', '.join(self._by_name)}.", field="vendor"
            )
        return found, _engine_among(found.engines, found.name, engine)

    def _default(self, default: str | None, engine: str | None) -> tuple[str, str | None]:
        if default is not None:
            name, _, default_engine = default.partition("/")
            return name, engine or default_engine or None
        real = [name for name in self._by_name if name != SANDBOX]
        if len(real) > 1:
            raise InvalidField(f"Say which vendor: {', '.join(real)}. The operator can set a default.", field="vendor")
        return (real[0] if real else SANDBOX), engine


def open_vendors(settings: Settings, storage: Storage) -> Vendors:
    """Open every vendor that is configured; the sandbox always is. Raises: SetupError: for a default that is not."""
    opened = [opener(settings) for opener in _OPENERS]
    vendors = Vendors((*filter(None, opened), Sandbox(storage, settings.sandbox_training_s)))
    if settings.default_vendor is not None:
        try:
            vendors.choose(None, None, settings.default_vendor)
        except InvalidField as error:
            raise SetupError(f"CLONEPIPE_DEFAULT_VENDOR is '{settings.default_vendor}'. {error.message}") from None
    return vendors
