"""`clonepipe accounts` and `clonepipe keys`: who may use the service. They write to the database directly."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from api.sources import readable
from shared.errors import SetupError
from shared.settings import settings

if TYPE_CHECKING:
    from shared.keys import KnownKey

accounts = typer.Typer(help="Accounts: who owns clones and keys.", no_args_is_help=True)
keys = typer.Typer(help="API keys and their scopes.", no_args_is_help=True)

_MOST_CLONES: Final = 2**31 - 1  # what the column holds

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@accounts.command("create")
def create_account(
    max_clones: Annotated[
        int | None, typer.Option(min=0, max=_MOST_CLONES, help="Clones the account may hold; 0 is no limit")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an account and print its id."""
    from api.administration import make_account

    account_id = make_account(settings(), max_clones)
    typer.echo(json.dumps({"accountId": account_id}) if as_json else account_id)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for")],
    account: Annotated[str | None, typer.Option(help="Whose key it is; default `main`, which is acc_main")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="Such as voice:read; repeat; default all")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it; it is shown only this once."""
    from api.administration import make_key, unmake_key

    owner = None if account is None else readable(account)
    made = make_key(settings(), readable(name), owner, scope)
    try:
        typer.echo(json.dumps(made.to_json()) if as_json else made.key)  # and flushes
    except OSError as error:
        unmake_key(settings(), made)
        raise SetupError(f"The key could not be shown ({error.strerror}), so it was revoked; make another.") from error


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys of each account: id, first characters, whether it still works, name and scopes."""
    from api.administration import known_keys

    found = known_keys(settings())
    if as_json:
        typer.echo(json.dumps([key.to_json() for key in found]))
        return
    Console().print(_keys_table(found))


def _keys_table(found: "Sequence[KnownKey]") -> Group:
    """Return a table for each account: with its long id as a column no line would fit in a terminal."""
    parts: list[Table | Text] = []
    by_account = sorted(found, key=lambda key: key.account_id)
    for account_id, group in groupby(by_account, key=lambda key: key.account_id):
        table = Table(
            title=f"account {account_id}", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0)
        )
        for column in ("id", "key", "state"):
            table.add_column(column, header_style="dim", no_wrap=True)
        for column in ("name", "may"):
            table.add_column(column, header_style="dim", overflow="fold")
        for key in group:
            state = Text("revoked", style="dim") if key.is_revoked else Text("works", style="green")
            table.add_row(key.id, f"{key.hint}…", state, Text(key.name), _scopes(key.scopes))
        parts += [table, Text("")]
    return Group(*parts[:-1])


def _scopes(scopes: Sequence[str]) -> str:
    from shared.keys import ALL_SCOPES

    if set(scopes) >= set(ALL_SCOPES):
        return "all"
    return ", ".join(scope.removeprefix("voice:") for scope in scopes)


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The key's id, key_…")]) -> None:
    """Revoke a key; it stops working at once."""
    from api.administration import end_key

    end_key(settings(), readable(key_id))
    typer.echo(f"{key_id} is revoked")
