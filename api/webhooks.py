"""What a client may say of its webhook endpoints, checked before anything of it is kept."""

from typing import Any, Final

from api import fields
from shared.errors import InvalidField, MissingField
from shared.settings import Settings
from shared.states import EndpointKind
from shared.webhooks.destinations import check_destination
from shared.webhooks.endpoints import EndpointChange, NewEndpoint
from shared.webhooks.listening import MOST_AT_ONCE, Answered
from shared.webhooks.messages import TYPES

FIELDS: Final = ("url", "eventTypes", "description")
CHANGEABLE: Final = (*FIELDS, "isActive")


def endpoint_order(document: dict[str, Any]) -> NewEndpoint:
    """Return the endpoint that a document asks for. Raises: MissingField, InvalidField."""
    url = document.get("url")
    if url is None:
        raise MissingField("The field 'url' is required: where to tell of changes.", field="url")
    return NewEndpoint(
        url=_url(url), event_types=_event_types(document) or None, description=_description(document) or None
    )


def endpoint_change(document: dict[str, Any]) -> EndpointChange:
    """Return what a document changes; null and what is left out stay as they are. Raises: InvalidField, MissingField.

    An empty list of types stands for all, an empty description for none.
    """
    is_active, url = document.get("isActive"), document.get("url")
    if is_active is not None and not isinstance(is_active, bool):
        raise InvalidField("'isActive' must be true or false.", field="isActive")
    wish = EndpointChange(
        url=None if url is None else _url(url),
        event_types=_event_types(document),
        description=_description(document),
        is_active=is_active,
    )
    if wish == EndpointChange():
        raise MissingField(
            f"There is nothing to change: give at least one of {', '.join(CHANGEABLE)} a value other than null.",
            changeable=list(CHANGEABLE),
        )
    return wish


def listener_order(document: dict[str, Any]) -> NewEndpoint:
    """Return the listener that a document asks for. Raises: InvalidField."""
    return NewEndpoint(url=None, event_types=_event_types(document) or None, kind=EndpointKind.LISTENER)


def listener_answers(document: dict[str, Any]) -> tuple[int, list[Answered]]:
    """Return the lease, and what became of each delivery under it. Raises: InvalidField."""
    lease, answers = document.get("lease"), document.get("answers")
    if not isinstance(lease, int) or isinstance(lease, bool) or not 0 <= lease < 2**31:
        raise InvalidField("'lease' must be the number that the deliveries were fetched with.", field="lease")
    if (
        not isinstance(answers, list)
        or len(answers) > MOST_AT_ONCE
        or not all(isinstance(one, dict) for one in answers)
    ):
        raise InvalidField(f"'answers' must be a list of at most {MOST_AT_ONCE} objects.", field="answers")
    return lease, [_answered(one) for one in answers]


def _answered(one: dict[str, Any]) -> Answered:
    status, took_ms = one.get("status"), one.get("tookMs", 0)
    if status is not None and (not isinstance(status, int) or not 100 <= status <= 599):
        raise InvalidField("'answers.status' must be a status of HTTP, or null where no answer came.", field="answers")
    if not isinstance(took_ms, int) or not 0 <= took_ms < 2**31:
        raise InvalidField("'answers.tookMs' must be a whole number of milliseconds.", field="answers")
    detail, excerpt = (fields.description(f"answers.{name}", str(one.get(name, ""))) for name in ("detail", "response"))
    return Answered(str(one.get("deliveryId")), status, took_ms, detail, excerpt)


def ignored(document: dict[str, Any], known: tuple[str, ...]) -> list[str]:
    """Return the fields of a document that mean nothing here."""
    return list(dict.fromkeys(fields.shown(field) for field in document if field not in known))


def vet(url: str | None, settings: Settings) -> None:
    """Refuse an address that may not be called, or cannot be found. Blocks for up to five seconds.

    Raises: WebhookUrlRefused.
    """
    if url is not None:
        check_destination(url, allow_private=settings.allow_private_webhooks)


def _url(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidField("'url' must be text in quotation marks.", field="url")
    return fields.url("url", value)


def _description(document: dict[str, Any]) -> str | None:
    value = document.get("description")
    if value is not None and not isinstance(value, str):
        raise InvalidField("'description' must be text in quotation marks.", field="description")
    return None if value is None else fields.description("description", value)


def _event_types(document: dict[str, Any]) -> tuple[str, ...] | None:
    value = document.get("eventTypes")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidField("'eventTypes' must be a list of words.", field="eventTypes", allowed=list(TYPES))
    unknown = next((one for one in value if one not in TYPES), None)
    if unknown is not None:
        raise InvalidField(
            f"'eventTypes' names '{fields.shown(unknown)}', which is no event. There are: {', '.join(TYPES)}.",
            field="eventTypes",
            allowed=list(TYPES),
        )
    return tuple(dict.fromkeys(value))
