"""`clonepipe cancel` and `clonepipe retry`: a change of mind about a clone, and a second chance for one that failed."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from api.client import Client
from api.commands.clone import AsJson, Timeout, bars_on, show, watch
from shared.settings import settings

VoiceId = Annotated[str, typer.Argument(help="The clone's id, vc_…")]


def cancel(voice_id: VoiceId, as_json: AsJson = False) -> None:
    """Cancel what is going on with a clone; what the vendor has of it already is removed there.

    Exit codes:

    0  cancelled, now or before
    1  refused: nothing is going on
    2  the service cannot be reached, or the command is wrong
    """
    client = Client.from_settings(settings())
    show(client, client.cancel(voice_id), as_json=as_json, waited=False)


def retry(
    voice_id: VoiceId,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it is ready or has failed again")] = False,
    timeout_s: Timeout = 0.0,
    as_json: AsJson = False,
) -> None:
    """Try again what has failed of a clone, from the stage that failed.

    Exit codes:

    0  it goes on; with --wait: ready
    1  refused or failed again
    2  the service cannot be reached, or the command is wrong
    3  still processing when --timeout ran out
    """
    client = Client.from_settings(settings())
    clone = client.retry(voice_id)
    if wait:
        with bars_on(Console(stderr=True), hidden=as_json or not sys.stderr.isatty()) as bars:
            clone = watch(client, voice_id, bars, timeout_s=timeout_s)
    raise typer.Exit(show(client, clone, as_json=as_json, waited=wait))
