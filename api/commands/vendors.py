"""`clonepipe vendors`: who is called, who is not for the moment and why; and letting one be called again."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.settings import Settings, settings

if TYPE_CHECKING:
    from shared.gates import GateState

vendors = typer.Typer(help="Vendors: which can be used, and which are not called for the moment.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@dataclass(frozen=True, slots=True)
class VendorState:
    """A configured vendor, with what keeps it from being called, and its engines that are asked for no voice."""

    vendor: str
    engines: tuple[str, ...]
    gate: "GateState | None"
    full: tuple["GateState", ...]

    def to_json(self) -> dict[str, object]:
        full = [{"engine": state.engine, **_told(state)} for state in self.full]
        return {
            "vendor": self.vendor, "engines": list(self.engines), "isOpen": self.gate is None, **_told(self.gate),
            "fullEngines": full,
        }  # fmt: skip

    def words(self) -> Text:
        """Return whether it is called, as a person reads it."""
        full = "; ".join(f"no new voices of {state.engine} {_how_long(state)}" for state in self.full)
        if self.gate is not None:
            return Text("; ".join(filter(None, [f"not {_how_long(self.gate)}", full])), style="red")
        return Text(f"yes, but {full}", style="yellow") if full else Text("yes", style="green")


def _told(state: "GateState | None") -> dict[str, str | None]:
    if state is None:
        return {"code": None, "reason": None, "until": None}
    return {"code": state.code, "reason": state.reason, "until": _until(state)}


def _how_long(state: "GateState") -> str:
    return f"until {_until(state)} ({state.code}): {state.reason}"


def _until(state: "GateState") -> str:
    from shared.documents import timestamp

    return timestamp(state.until)


@vendors.command("list")
def list_vendors(as_json: AsJson = False) -> None:
    """List the configured vendors, and why one is not called."""
    states = states_of(settings())
    if as_json:
        typer.echo(json.dumps([state.to_json() for state in states], ensure_ascii=False))
        return
    table = Table("vendor", "engines", "called", box=None, padding=(0, 2, 0, 0))
    for state in states:
        table.add_row(state.vendor, ", ".join(state.engines), state.words())
    Console().print(table)


@vendors.command("resume")
def resume_vendor(
    vendor: Annotated[str, typer.Argument(help="Its name, as in the list; 'vendor/engine' for one engine only")],
) -> None:
    """Call a vendor again, after its key or plan was mended; what waits for it goes on at once."""
    from api.administration import open_database
    from shared import gates
    from shared.errors import NotFound

    name, slash, engine = vendor.partition("/")
    engines = {state.vendor: state.engines for state in states_of(settings())}
    if name not in engines or (slash and engine not in engines[name]):
        raise NotFound(f"There is no vendor '{vendor[:40]}' here; 'clonepipe vendors list' shows those there are.")
    with open_database(settings()).write() as session:
        was_shut = gates.resume(session, name, engine or None)
    typer.echo(f"{vendor} is called again." if was_shut else f"{vendor} was not held up.")


def states_of(chosen: Settings) -> list[VendorState]:
    """Return every configured vendor with the state of its gate."""
    from api.administration import open_database
    from api.intake.void import VoidStorage
    from shared import gates
    from shared.vendors import open_vendors

    with open_database(chosen).read() as session:
        shut = gates.shut(session)
    found = []
    for vendor in open_vendors(chosen, VoidStorage()):
        own = [state for state in shut if state.vendor == vendor.name]
        gate = next((state for state in own if state.engine is None), None)
        full = tuple(state for state in own if state.engine is not None)
        found.append(VendorState(vendor.name, tuple(vendor.engines), gate, full))
    return found
