"""`clonepipe webhooks`: endpoints that are told of changes, what they were told, and telling it again."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.client import Client
from api.commands.sound import shown
from api.webhook_client import WebhookClient
from shared.settings import settings

webhooks = typer.Typer(help="Webhooks: who is told of changes, and what they were told.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else")]
EndpointId = Annotated[str, typer.Argument(help="The endpoint's id, whe_…; 'default' for every callback_url")]
EventTypes = Annotated[str, typer.Option("--event-types", help="Comma-separated; left out: everything")]
_LOOK_EVERY_S: Final = 0.25
_COLOURS: Final = {"delivered": "green", "failed": "red", "pending": "yellow"}


@webhooks.command("create")
def create(
    url: Annotated[str, typer.Argument(help="Where to tell of changes, https://…")],
    event_types: EventTypes = "",
    description: Annotated[str | None, typer.Option(help="For yourself")] = None,
    as_json: AsJson = False,
) -> None:
    """Have an address told of the account's clones. The secret is printed this once."""
    made = _client().create(url, words(event_types), description)
    typer.echo(_json(made) if as_json else f"{made['endpointId']} is told from now on.\nsecret: {made['secret']}")


@webhooks.command("list")
def list_endpoints(as_json: AsJson = False) -> None:
    """List the account's endpoints."""
    found = _client().endpoints()
    if as_json:
        typer.echo(_json(found))
        return
    table = _table("where", "told of", "called", "waiting")
    for one in found:
        called = Text("yes", "green") if one["isActive"] else Text(f"no: {one['disabledReason'] or 'off'}", "red")
        if one["isActive"] and one["failingSince"]:
            called = Text(f"fails since {one['failingSince']}", "yellow")
        told_of = ", ".join(one["eventTypes"] or ["everything"])
        table.add_row(one["endpointId"], Text(shown(one["url"] or "listens")), told_of, called, str(one["pending"]))
    Console().print(table if found else Text("no webhook endpoints", "dim"))


@webhooks.command("delete")
def delete(endpoint_id: EndpointId) -> None:
    """Tell an endpoint nothing more."""
    _client().delete(endpoint_id)
    typer.echo(f"{endpoint_id} is deleted.")


@webhooks.command("rotate")
def rotate(endpoint_id: EndpointId, as_json: AsJson = False) -> None:
    """Make a new secret, printed this once; the former signs beside it for a day."""
    made = _client().rotate(endpoint_id)
    typer.echo(_json(made) if as_json else f"secret: {made['secret']}")


@webhooks.command("test")
def try_endpoint(
    endpoint_id: EndpointId,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait for the first attempt")] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Send a test message and tell what became of the first attempt.

    Exit codes:

    0  it was accepted
    1  it was not, or is refused
    2  the service cannot be reached, or the command is wrong
    3  nothing is known yet when --timeout ran out
    """
    client = _client()
    raise typer.Exit(_tell(client, endpoint_id, client.test(endpoint_id), 0, timeout_s, as_json=as_json))


@webhooks.command("replay")
def replay(
    endpoint_id: EndpointId,
    delivery_id: Annotated[str, typer.Argument(help="The delivery's id, msg_…, as in the header webhook-id")],
    timeout_s: Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait for the attempt")] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Send a delivery again, under its id, and tell what became of the attempt. Exit codes as of `test`."""
    client = _client()
    known = len(client.delivery(endpoint_id, delivery_id)["attempts"])
    again = client.replay(endpoint_id, delivery_id)
    raise typer.Exit(_tell(client, endpoint_id, again, known, timeout_s, as_json=as_json))


@webhooks.command("deliveries")
def deliveries(
    endpoint_id: EndpointId,
    status: Annotated[str | None, typer.Option(help="Only pending, delivered or failed")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="The most that are shown")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what an endpoint was told, newest first, with the last attempt of each."""
    page = _client().deliveries(endpoint_id, status, limit)
    if as_json:
        typer.echo(_json(page))
        return
    table = _table("type", "of", "is", "last attempt")
    for one in page["deliveries"]:
        table.add_row(
            one["deliveryId"], one["type"], f"{one['voiceId'] or ''} {one['seq'] or ''}".strip(),
            Text("on hold" if one["onHold"] else one["status"], _COLOURS[one["status"]]),
            Text(shown(one["onHold"] or _attempt(one["attempts"]) or "none yet")),
        )  # fmt: skip
    Console().print(table if page["deliveries"] else Text("nothing was told", "dim"))


def _table(*columns: str) -> Table:
    """Return a table whose first column is an id, which is to be copied and so is never cut."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("id", no_wrap=True, min_width=28)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def words(text: str) -> list[str]:
    """Return the words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _client() -> WebhookClient:
    return WebhookClient(Client.from_settings(settings()))


def _tell(
    client: WebhookClient, endpoint_id: str, delivery: Mapping[str, Any], known: int, timeout_s: float, *, as_json: bool
) -> int:
    """Wait for an attempt beyond the `known`; print what became of it and return the exit code."""
    ends_s = time.monotonic() + timeout_s
    while len(delivery["attempts"]) <= known and time.monotonic() < ends_s:
        time.sleep(_LOOK_EVERY_S)
        delivery = client.delivery(endpoint_id, delivery["deliveryId"])
    made = delivery["attempts"][known:][:1]
    if as_json:
        typer.echo(_json(delivery))
    else:
        typer.echo(f"{delivery['deliveryId']}: {_attempt(made) or 'no attempt was made yet'}")
    if not made:
        return 3
    return 0 if made[0]["failure"] is None else 1


def _attempt(attempts: Sequence[Mapping[str, Any]]) -> str:
    """Return what became of the last of some attempts, or nothing."""
    return f"{attempts[-1]['detail']} ({attempts[-1]['tookMs']} ms)" if attempts else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
