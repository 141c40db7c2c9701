"""How the native door writes webhook endpoints and deliveries, and what the OpenAPI document says of that."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from api.doors.native_answers import Camel, IgnoredFields, Timestamp
from api.fields import DESCRIPTION_CHARS, URL_CHARS
from shared.documents import timestamp
from shared.states import DeliveryState, EndpointKind
from shared.webhooks.endpoints import DEFAULT, EndpointView
from shared.webhooks.journal import DeliveryView
from shared.webhooks.listening import MOST_AT_ONCE
from shared.webhooks.messages import TYPES


class Endpoint(Camel):
    """Who is told of an account's clones.

    `eventTypes` of null is all; `pending` counts what is still to be told, of `default` what is to every callback_url.
    """

    endpoint_id: str
    kind: Literal["endpoint", "listener", "default"]
    url: str | None
    description: str | None
    event_types: list[str] | None
    is_active: bool
    disabled_at: Timestamp | None
    disabled_reason: str | None
    failing_since: Timestamp | None
    pending: int
    created_at: Timestamp
    updated_at: Timestamp


class EndpointWithSecret(Endpoint):
    """An endpoint with its secret, which is shown this once."""

    secret: Annotated[str, Field(description="`whsec_…`: what its deliveries are verified with")]


class TakenEndpoint(Endpoint):
    """An endpoint as it is after a request that took fields."""

    ignored_fields: IgnoredFields


class NewEndpoint(EndpointWithSecret):
    """An endpoint as it was made, with its secret."""

    ignored_fields: IgnoredFields


class Endpoints(Camel):
    """An account's endpoints, oldest first."""

    endpoints: list[Endpoint]


class Attempt(Camel):
    """How one attempt went; `status` is null when no answer came, `response` the first 1,024 bytes of the answer."""

    number: int
    timestamp: Timestamp
    status: int | None
    took_ms: int
    failure: str | None
    detail: str
    response: str


class Delivery(Camel):
    """A message for an endpoint; its id is the `webhook-id` header.

    `nextAttemptAt` is null when none follows; `onHold` says why, where it waits for an endpoint that is not called.
    """

    delivery_id: str
    endpoint_id: str
    voice_id: str | None
    seq: int | None
    type: str
    status: DeliveryState
    next_attempt_at: Timestamp | None
    on_hold: str | None
    created_at: Timestamp
    finished_at: Timestamp | None
    attempts: list[Attempt]


class DeliveryWithBody(Delivery):
    """A message with its content as it is sent; null when its clone was erased since."""

    body: str | None


class Deliveries(Camel):
    """Some of an endpoint's deliveries, newest first."""

    deliveries: list[Delivery]
    total: int


class Fetchable(Camel):
    """A delivery to be forwarded with these headers, or shown."""

    delivery_id: str
    type: str
    headers: dict[str, Any]
    body: str


class Fetched(Camel):
    """What is to be answered for under a lease of a minute; null: nothing is due."""

    lease: int | None
    deliveries: list[Fetchable]


class Settled(Camel):
    """How many deliveries were answered for."""

    settled: int


_TYPES: Final = {"type": "array", "items": {"type": "string", "enum": list(TYPES)}, "nullable": True}
_FIELDS: Final[dict[str, Any]] = {
    "eventTypes": {**_TYPES, "description": "What to be told of; left out, null or empty: everything"},
    "description": {"type": "string", "nullable": True, "maxLength": DESCRIPTION_CHARS, "description": "For yourself"},
}
_URL: Final[dict[str, Any]] = {
    "type": "string",
    "format": "uri",
    "maxLength": URL_CHARS,
    "description": "Where to: https, port 443 or 8443, a host with public addresses only",
}


def _body(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, **more}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


CREATE_BODY: Final = _body({"url": _URL, **_FIELDS}, required=["url"])
LISTEN_BODY: Final = _body({"eventTypes": _FIELDS["eventTypes"]})
SETTLE_BODY: Final = _body(
    {
        "lease": {"type": "integer", "description": "As it was fetched"},
        "answers": {
            "type": "array",
            "maxItems": MOST_AT_ONCE,
            "description": "What became of each delivery; 2xx counts as accepted",
            "items": {
                "type": "object",
                "required": ["deliveryId"],
                "properties": {
                    "deliveryId": {"type": "string"},
                    "status": {"type": "integer", "nullable": True},
                    "tookMs": {"type": "integer"},
                    "detail": {"type": "string"},
                    "response": {"type": "string"},
                },
            },
        },
    },
    required=["lease", "answers"],
)
CHANGE_BODY: Final = _body(
    {
        "url": {**_URL, "nullable": True},
        **_FIELDS,
        "isActive": {"type": "boolean", "nullable": True, "description": "Whether it is called"},
    },
    minProperties=1,
    description="What is left out, or null, stays as it is",
)


def endpoint_shape(view: EndpointView, secret: str | None = None) -> dict[str, Any]:
    """Return an endpoint; with its secret where that is to be shown."""
    is_default = view.kind is EndpointKind.DEFAULT
    shape: dict[str, Any] = {
        "endpointId": DEFAULT if is_default else view.id,
        "kind": view.kind.value,
        "url": view.url,
        "description": view.description,
        "eventTypes": None if view.event_types is None else list(view.event_types),
        "isActive": view.is_active,
        "disabledAt": None if view.disabled_at is None else timestamp(view.disabled_at),
        "disabledReason": view.disabled_reason,
        "failingSince": None if view.failing_since is None else timestamp(view.failing_since),
        "pending": view.pending,
        "createdAt": timestamp(view.created_at),
        "updatedAt": timestamp(view.updated_at),
    }
    return shape if secret is None else {**shape, "secret": secret}


def delivery_shape(view: DeliveryView, asked_as: str) -> dict[str, Any]:
    """Return a delivery without its content, of the endpoint as it was asked for."""
    return {
        "deliveryId": view.id,
        "endpointId": asked_as,
        "voiceId": view.clone_id,
        "seq": view.seq,
        "type": view.type,
        "status": view.state.value,
        "nextAttemptAt": None if view.due_at is None else timestamp(view.due_at),
        "onHold": view.on_hold,
        "createdAt": timestamp(view.created_at),
        "finishedAt": None if view.finished_at is None else timestamp(view.finished_at),
        "attempts": [
            {
                "number": one.number,
                "timestamp": timestamp(one.at),
                "status": one.status,
                "tookMs": one.took_ms,
                "failure": one.failure,
                "detail": one.detail,
                "response": one.excerpt,
            }
            for one in view.attempts
        ],
    }
