"""`clonepipe vendors`: who is called, who is not for the moment and why; and letting one be called again."""

import json
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.settings import Settings, settings

vendors = typer.Typer(help="Vendors: which can be used, and which are not called for the moment.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@dataclass(frozen=True, slots=True)
class VendorState:
    """A configured vendor; `code`, `reason` and `until` (RFC 3339) are None while it may be called."""

    vendor: str
    engines: tuple[str, ...]
    code: str | None = None
    reason: str | None = None
    until: str | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "vendor": self.vendor, "engines": list(self.engines), "isOpen": self.code is None, "code": self.code,
            "reason": self.reason, "until": self.until,
        }  # fmt: skip


@vendors.command("list")
def list_vendors(as_json: AsJson = False) -> None:
    """List the configured vendors, and why one is not called."""
    states = states_of(settings())
    if as_json:
        typer.echo(json.dumps([state.to_json() for state in states], ensure_ascii=False))
        return
    table = Table("vendor", "engines", "called", box=None, padding=(0, 2, 0, 0))
    for state in states:
        called = "yes" if state.code is None else f"not until {state.until} ({state.code}): {state.reason}"
        table.add_row(
            state.vendor, ", ".join(state.engines), Text(called, style="green" if state.code is None else "red")
        )
    Console().print(table)


@vendors.command("resume")
def resume_vendor(vendor: Annotated[str, typer.Argument(help="Its name, as in the list")]) -> None:
    """Call a vendor again, after its key or plan was mended; what waits for it goes on at once."""
    from api.administration import open_database
    from shared import gates
    from shared.errors import NotFound

    if vendor not in {state.vendor for state in states_of(settings())}:
        raise NotFound(f"There is no vendor '{vendor[:40]}' here; 'clonepipe vendors list' shows those there are.")
    with open_database(settings()).write() as session:
        was_shut = gates.resume(session, vendor)
    typer.echo(f"{vendor} is called again." if was_shut else f"{vendor} was not held up.")


def states_of(chosen: Settings) -> list[VendorState]:
    """Return every configured vendor with the state of its gate."""
    from api.administration import open_database
    from api.intake.void import VoidStorage
    from shared import gates
    from shared.documents import timestamp
    from shared.vendors import open_vendors

    with open_database(chosen).read() as session:
        shut = {gate.vendor: gate for gate in gates.shut(session)}
    found = []
    for vendor in open_vendors(chosen, VoidStorage()):
        gate = shut.get(vendor.name)
        engines = tuple(vendor.engines)
        if gate is None:
            found.append(VendorState(vendor.name, engines))
        else:
            found.append(VendorState(vendor.name, engines, gate.code, gate.reason, timestamp(gate.until)))
    return found
