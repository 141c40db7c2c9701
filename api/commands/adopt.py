"""`clonepipe adopt`: a voice that exists at a vendor becomes a clone here."""

import json
from typing import Annotated

import typer
from rich.console import Console

from api.commands.outcome import outcome_table
from api.sources import readable
from shared.settings import settings


def adopt(
    voice_id: Annotated[str, typer.Argument(help="The voice's id at the vendor")],
    vendor: Annotated[str, typer.Option(help="Who trained it")],
    engine: Annotated[str | None, typer.Option(help="Which of its products; default as the vendor says")] = None,
    name: Annotated[str | None, typer.Option(help="What it is called here; default as there")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the clone as JSON, and nothing else")] = False,
) -> None:
    """Adopt a voice that exists at a vendor, so that samples can be added to it and it can be erased.

    Exit codes:

    0  it is a clone here now
    1  refused: unknown there, somebody else's, or adopted already
    2  the service cannot be reached, or the command is wrong
    """
    from api.client import Client

    wishes = {"vendor": vendor, "engine": engine, "voiceId": voice_id, "name": name}
    client = Client.from_settings(settings())
    clone = client.adopt({field: readable(value) for field, value in wishes.items() if value is not None})
    if as_json:
        typer.echo(json.dumps(clone, ensure_ascii=False, indent=2))
    else:
        Console().print(outcome_table(clone, None))
