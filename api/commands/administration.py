"""`clonepipe accounts` and `clonepipe keys`: who may use the service. They write to the database directly."""

import json
from typing import Annotated

import typer

from shared import keys as api_keys
from shared.db.engine import Database
from shared.db.migrate import upgrade
from shared.keys import ALL_SCOPES, MAIN_ACCOUNT
from shared.settings import settings

accounts = typer.Typer(help="Accounts: who owns clones and keys.", no_args_is_help=True)
keys = typer.Typer(help="API keys and their scopes.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


def _database() -> Database:
    database = Database(settings().database_url)
    upgrade(database)
    api_keys.ensure_bootstrap(database, None)
    return database


@accounts.command("create")
def create_account(
    max_clones: Annotated[int | None, typer.Option(help="Clones the account may hold; 0 is no limit")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an account and print its id."""
    with _database().write() as session:
        account_id = api_keys.create_account(session, max_clones=max_clones)
    typer.echo(json.dumps({"accountId": account_id}) if as_json else account_id)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for")],
    account: Annotated[str, typer.Option(help="Whose key it is")] = MAIN_ACCOUNT,
    scope: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(ALL_SCOPES)}; repeat; default all")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it; it is shown only this once."""
    scopes = tuple(scope) if scope else tuple(ALL_SCOPES)
    with _database().write() as session:
        key = api_keys.create_key(session, account, name=name, scopes=scopes)
    typer.echo(json.dumps({"key": key, "accountId": account, "scopes": list(scopes)}) if as_json else key)
