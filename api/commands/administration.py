"""`clonepipe accounts` and `clonepipe keys`: who may use the service. They write to the database directly."""

import json
from typing import Annotated

import typer

from shared.settings import settings

accounts = typer.Typer(help="Accounts: who owns clones and keys.", no_args_is_help=True)
keys = typer.Typer(help="API keys and their scopes.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@accounts.command("create")
def create_account(
    max_clones: Annotated[int | None, typer.Option(min=0, help="Clones the account may hold; 0 is no limit")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an account and print its id."""
    from api.administration import make_account

    account_id = make_account(settings(), max_clones)
    typer.echo(json.dumps({"accountId": account_id}) if as_json else account_id)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for")],
    account: Annotated[str | None, typer.Option(help="Whose key it is; default the account `main`")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="Such as voice:read; repeat; default all")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it; it is shown only this once."""
    from api.administration import make_key

    made = make_key(settings(), name, account, scope)
    typer.echo(json.dumps(made.to_json()) if as_json else made.key)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys: id, name, account, scopes, the first characters, and whether it still works."""
    from api.administration import known_keys

    found = known_keys(settings())
    if as_json:
        typer.echo(json.dumps([key.to_json() for key in found]))
        return
    for key in found:
        state = "revoked" if key.is_revoked else "works"
        typer.echo(f"{key.id}  {key.hint}…  {state:<8} {key.account_id}  {key.name}  {','.join(key.scopes)}")


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The key's id, key_…")]) -> None:
    """Revoke a key; it stops working at once."""
    from api.administration import end_key

    end_key(settings(), key_id)
    typer.echo(f"{key_id} is revoked")
