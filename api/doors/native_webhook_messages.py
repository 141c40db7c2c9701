"""What webhooks say, for the OpenAPI document alone: these operations are the receiver's, and none is served here."""

from collections.abc import Callable
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from api.doors.native_answers import Camel, Clone, Timestamp
from shared.states import EventType
from shared.webhooks.messages import ENDPOINT_DISABLED, LONG, TEST

Data = TypeVar("Data")


def _may_lack_what_is_long(schema: dict[str, Any]) -> None:
    schema["required"] = [name for name in schema["required"] if name not in (*LONG, "omitted")]


class Message(BaseModel, Generic[Data]):
    """A message, under 20 kB."""

    type: Annotated[str, Field(description="What it tells of")]
    timestamp: Timestamp
    data: Data


class ToldClone(Clone):
    """A clone after the change, as a poll shows it, with the event's `seq`; what was too long is named in `omitted`."""

    model_config = ConfigDict(json_schema_extra=_may_lack_what_is_long)

    omitted: list[str]


class ErasedClone(Camel):
    """All that is left of a clone."""

    voice_id: str
    seq: int


class DisabledEndpoint(Camel):
    """An endpoint that is called no more, and why."""

    endpoint_id: str
    url: str | None
    reason: str


class Trial(Camel):
    """Nothing happened."""

    endpoint_id: str
    message: str


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    410: {"description": "The endpoint is called no more"},
    "4XX": {"description": "As any status but 2xx, or none within 15 s: the message comes again by the schedule"},
}
router = APIRouter(responses=_ANSWERS)

Id = Annotated[str, Header(alias="webhook-id", description="The same over all attempts and replays")]
At = Annotated[int, Header(alias="webhook-timestamp", description="When this attempt was made: seconds since 1970")]
Signature = Annotated[
    str,
    Header(
        alias="webhook-signature",
        description="`v1,…` by Standard Webhooks 1.0.0; several with blanks between them while a secret is replaced",
    ),
]


def clone_changed(message: Message[ToldClone], webhook_id: Id, webhook_timestamp: At, signature: Signature) -> None:
    """Tell of a change to a clone."""


def clone_erased(message: Message[ErasedClone], webhook_id: Id, webhook_timestamp: At, signature: Signature) -> None:
    """Tell that nothing is left of a clone, neither here nor at its vendor."""


def endpoint_disabled(
    message: Message[DisabledEndpoint], webhook_id: Id, webhook_timestamp: At, signature: Signature
) -> None:
    """Tell the account's other endpoints of one that is called no more."""


def tried(message: Message[Trial], webhook_id: Id, webhook_timestamp: At, signature: Signature) -> None:
    """Answer to `POST …/{id}/test`."""


_TOLD: Final[dict[str, tuple[Callable[..., None], str]]] = {
    EventType.PROCESSING.value: (clone_changed, "A clone is begun, or worked on again"),
    EventType.PROGRESS.value: (clone_changed, "A clone's job moves on"),
    EventType.READY.value: (clone_changed, "A clone is ready"),
    EventType.FAILED.value: (clone_changed, "A clone's job has failed"),
    EventType.ACTION_REQUIRED.value: (clone_changed, "A clone waits for a person"),
    EventType.ERASED.value: (clone_erased, "A clone is erased"),
    ENDPOINT_DISABLED: (endpoint_disabled, "An endpoint is called no more"),
    TEST: (tried, "A test"),
}
for _kind, (_operation, _summary) in _TOLD.items():
    router.add_api_route(
        _kind,
        _operation,
        methods=["POST"],
        summary=_summary,
        response_description="Taken, as by every 2xx",
        openapi_extra={"security": []},
    )
