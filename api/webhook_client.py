"""What the command line says to the doors of webhooks."""

import re
from collections.abc import Sequence
from typing import Any, Final

from api.client import Client
from shared.errors import NotFound

_ID: Final = re.compile(r"[A-Za-z0-9_-]+")


class WebhookClient:
    """Speaks of endpoints, deliveries and listeners through a client; raises what that raises."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, url: str, event_types: Sequence[str], description: str | None) -> dict[str, Any]:
        """Make an endpoint; return it with its secret."""
        wish = {"url": url, "eventTypes": list(event_types), "description": description}
        return self._client.ask("POST", "/webhook-endpoints", json=wish)

    def endpoints(self) -> list[dict[str, Any]]:
        """Return the account's endpoints."""
        return list(self._client.ask("GET", "/webhook-endpoints")["endpoints"])

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint."""
        self._client.ask("DELETE", _endpoint(endpoint_id))

    def rotate(self, endpoint_id: str) -> dict[str, Any]:
        """Give an endpoint a new secret; return it with that."""
        return self._client.ask("POST", f"{_endpoint(endpoint_id)}/rotate")

    def test(self, endpoint_id: str) -> dict[str, Any]:
        """Send a test message; return its delivery."""
        return self._client.ask("POST", f"{_endpoint(endpoint_id)}/test")

    def deliveries(self, endpoint_id: str, status: str | None, limit: int) -> dict[str, Any]:
        """Return the newest deliveries of an endpoint, and how many there are."""
        wish = {"limit": limit} | ({} if status is None else {"status": status})
        return self._client.ask("GET", f"{_endpoint(endpoint_id)}/deliveries", params=wish)

    def delivery(self, endpoint_id: str, delivery_id: str) -> dict[str, Any]:
        """Return one delivery."""
        return self._client.ask("GET", _delivery(endpoint_id, delivery_id))

    def replay(self, endpoint_id: str, delivery_id: str) -> dict[str, Any]:
        """Have a delivery sent again; return it."""
        return self._client.ask("POST", f"{_delivery(endpoint_id, delivery_id)}/replay")

    def listen(self, event_types: Sequence[str]) -> dict[str, Any]:
        """Make a listener; return it with its secret."""
        return self._client.ask("POST", "/webhook-listeners", json={"eventTypes": list(event_types)})

    def fetch(self, endpoint_id: str, wait_s: int) -> dict[str, Any]:
        """Return what a listener is told, after at most `wait_s` seconds."""
        return self._client.ask("POST", f"/webhook-listeners/{endpoint_id}/fetch", params={"wait": wait_s})

    def settle(self, endpoint_id: str, lease: int, answers: list[dict[str, Any]]) -> None:
        """Say what became of what was fetched."""
        wish = {"lease": lease, "answers": answers}
        self._client.ask("POST", f"/webhook-listeners/{endpoint_id}/settle", json=wish)


def _endpoint(endpoint_id: str) -> str:
    return f"/webhook-endpoints/{_checked(endpoint_id, 'endpoint')}"


def _delivery(endpoint_id: str, delivery_id: str) -> str:
    return f"{_endpoint(endpoint_id)}/deliveries/{_checked(delivery_id, 'delivery')}"


def _checked(named: str, what: str) -> str:
    if not _ID.fullmatch(named):
        raise NotFound(f"There is no {what} {named[:40]!r}: an id has letters, digits and '_'.")
    return named
