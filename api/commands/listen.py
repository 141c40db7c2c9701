"""`clonepipe listen`: what happens, as it happens, on somebody's desk; forwarded to a server there, if they like."""

import contextlib
import json
import re
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import httpx
import typer

from api.client import Client, Refused
from api.commands.webhooks import EventTypes, words
from api.webhook_client import WebhookClient
from shared.errors import ServiceError, SetupError
from shared.settings import settings

_WAIT_S: Final = 20
_AGAIN_AFTER_S: Final = 2.0
_FORWARD_S: Final = 15.0
_TOO_MANY: Final = 429  # a limit of requests, which is over within a minute
_EXCERPT_CHARS: Final = 1024
_UNPRINTABLE: Final = re.compile(r"[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]")

Answer = dict[str, Any]


def listen(
    forward_to: Annotated[
        str | None, typer.Option("--forward-to", help="A server of yours, such as http://127.0.0.1:3000/hook")
    ] = None,
    event_types: EventTypes = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print each message as a line of JSON")] = False,
) -> None:
    """Show what happens to the account's clones until Ctrl-C, and forward it, signed as a webhook is.

    What your server does not accept comes again by the schedule, as long as this runs.
    """
    client = WebhookClient(Client.from_settings(settings()))
    with _forwarding(forward_to) as forward:
        made = client.listen(words(event_types))
        endpoint_id = made["endpointId"]
        typer.echo(f"Listening; Ctrl-C ends it. Signed with {made['secret']}", err=True)
        try:
            while True:
                _round(client, endpoint_id, forward, as_json=as_json)
        finally:
            with contextlib.suppress(ServiceError, KeyboardInterrupt):  # it is forgotten after a day in any case
                client.delete(endpoint_id)


@contextlib.contextmanager
def _forwarding(url: str | None) -> Any:
    """Yield what takes a delivery's headers and body and says what became of it."""
    if url is None:
        yield lambda _headers, _body: {"status": 200, "tookMs": 0, "detail": "It was shown."}
        return
    with httpx.Client(timeout=_FORWARD_S, trust_env=False) as http:
        try:
            http.build_request("POST", url)
            is_usable = url.startswith(("http://", "https://"))
        except httpx.InvalidURL:
            is_usable = False
        if not is_usable:
            raise SetupError(f"--forward-to is {url!r}; it must be an address that begins with http:// or https://.")
        yield lambda headers, body: _forwarded(http, url, headers, body)


def _round(
    client: WebhookClient, endpoint_id: str, forward: Callable[[dict[str, str], str], Answer], *, as_json: bool
) -> None:
    """Fetch, forward, show and answer once; a service that is away for a moment is waited for."""
    try:
        fetched = client.fetch(endpoint_id, _WAIT_S)
        answers = []
        for one in fetched["deliveries"]:
            answer = forward(one["headers"], one["body"])
            _show(one, answer, as_json=as_json)
            answers.append({"deliveryId": one["deliveryId"], **answer})
        if answers:
            client.settle(endpoint_id, fetched["lease"], answers)
    except SetupError:
        time.sleep(_AGAIN_AFTER_S)
    except Refused as refused:
        is_late = (refused.envelope.get("details") or {}).get("field") == "lease"  # its deliveries come again
        if refused.http_status < 500 and refused.http_status != _TOO_MANY and not is_late:
            raise
        time.sleep(_AGAIN_AFTER_S)


def _forwarded(http: httpx.Client, url: str, headers: dict[str, str], body: str) -> Answer:
    began_s = time.monotonic()
    try:
        answer = http.post(url, content=body.encode(), headers={**headers, "content-type": "application/json"})
    except httpx.HTTPError as error:
        took_ms = round(1000 * (time.monotonic() - began_s))
        return {"status": None, "tookMs": took_ms, "detail": f"{url} did not answer ({type(error).__name__})."}
    return {
        "status": answer.status_code,
        "tookMs": round(1000 * (time.monotonic() - began_s)),
        "detail": f"{url} answered {answer.status_code}.",
        "response": _UNPRINTABLE.sub("\ufffd", answer.text[:_EXCERPT_CHARS]),
    }


def _show(delivery: dict[str, Any], answer: Answer, *, as_json: bool) -> None:
    if as_json:
        typer.echo(delivery["body"])
        return
    body = json.loads(delivery["body"])
    data = body["data"]
    what = " ".join(str(data[key]) for key in ("voiceId", "stage", "training_progress") if data.get(key) is not None)
    typer.echo(f"{body['timestamp']}  {body['type']:32} {what}  -> {answer['detail']}")
