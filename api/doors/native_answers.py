"""What the native door answers, as the OpenAPI document shows it.

For documentation only: routes return what `native_shapes` writes and nothing is validated on the way. A test holds
real answers to the published document, both ways: nothing undeclared, nothing missing.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.states import Denoise, EventType, JobKind, Outcome, Stage, Status, Trim, WaitingFor
from shared.vendors.engines import Progress, SentContainer

Data = TypeVar("Data")


def _may_be_absent(schema: dict[str, Any]) -> None:
    """Declare a field that has a default only so that it is not required."""
    schema.pop("default", None)


# Not Literal[True]: 3.0 does not know `const`.
IsSuccess = Annotated[bool, Field(json_schema_extra={"enum": [True]})]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Pair = Annotated[list[int], Field(min_length=2, max_length=2)]


class Camel(BaseModel):
    """Our own fields are written in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)


class Answer(BaseModel, Generic[Data]):
    """The envelope of every success with data."""

    success: IsSuccess
    data: Data


class Told(Answer[Data], Generic[Data]):
    """... with a sentence on what was done."""

    message: str


class Deleted(BaseModel):
    """The answer to a DELETE, in Buena's words."""

    success: IsSuccess
    message: str
    deleted_id: str


class Warned(Camel):
    """What is wrong with a recording that was used all the same."""

    filename: str
    sample_id: str
    warning: str


class JobOf(Camel):
    """The newest run of a clone through the pipeline; `outcome` is null while it runs."""

    id: str
    kind: JobKind
    outcome: Outcome | None
    progress: Annotated[int, Field(ge=0, le=100)]


class LastError(Camel):
    """Why the newest job failed that was to change a voice; or what a removal after a cancel waits for."""

    code: str
    message: str


class EtaRange(Camel):
    """Seconds between which it ends, if it takes as long as nine of ten of the last ones at this engine did."""

    low: float
    high: float


class Clone(Camel):
    """A voice clone."""

    voice_id: str
    name: str
    description: str | None
    is_active: bool
    sample_count: int
    created_at: Timestamp
    updated_at: Timestamp
    labels: dict[str, Any]
    settings: dict[str, Any]
    status: Status
    training_progress: Annotated[int, Field(alias="training_progress", ge=0, le=100)]
    error_message: Annotated[str | None, Field(alias="error_message")]
    error_code: str | None
    warnings: list[Warned]
    stage: Stage | None
    waiting_for: WaitingFor | None
    eta_seconds: float | None
    eta_range: EtaRange | None
    is_terminal: bool
    is_cancelable: bool
    is_retryable: bool
    seq: int
    vendor: str
    engine: str
    vendor_voice_id: str | None
    fallback_vendors: list[str]
    adopted: bool
    notes: list[str]
    language: str | None
    gender: str | None
    denoise: Denoise
    trim: Trim
    callback_url: str | None
    job: JobOf
    last_error: LastError | None
    notice: Annotated[
        str,
        Field(default="", json_schema_extra=_may_be_absent, description="What to know of the vendor; absent: nothing"),
    ]


IgnoredFields = Annotated[
    list[str],
    Field(default=[], json_schema_extra=_may_be_absent, description="Fields that mean nothing here; absent: none"),
]


class TakenClone(Clone):
    """A clone as it is after a request that took fields."""

    ignored_fields: IgnoredFields


class Page(Camel):
    """Some of an account's clones; the newest one's status stands beside them, where there is one."""

    voice_clones: list[Clone]
    total: int
    status: Annotated[Status, Field(default=Status.PROCESSING, json_schema_extra=_may_be_absent)]
    training_progress: Annotated[
        int, Field(default=0, alias="training_progress", ge=0, le=100, json_schema_extra=_may_be_absent)
    ]
    error_message: Annotated[str | None, Field(default=None, alias="error_message", json_schema_extra=_may_be_absent)]


class Line(Camel):
    """A line of a clone's history."""

    seq: int
    type: EventType
    timestamp: Timestamp
    job_id: str
    data: dict[str, Any]


class History(Camel):
    """Lines of a clone's history; ask on with `after`."""

    events: list[Line]
    after: int
    seq: int
    is_terminal: bool


class VersionUrls(BaseModel):
    """Where each version is; `prepared` is absent until it is made."""

    original: str
    prepared: Annotated[str, Field(default="", json_schema_extra=_may_be_absent)]


class SampleUrls(BaseModel):
    """Where a recording's sound and waveform are."""

    audio: VersionUrls
    peaks: VersionUrls


class Recording(Camel):
    """A recording of a clone; what is measured is null until it has been."""

    sample_id: str
    filename: str
    format: str
    content_type: str
    size_bytes: int
    sha256: str
    duration_seconds: float | None
    rate_hz: int | None
    channels: int | None
    created_at: Timestamp
    urls: SampleUrls


class VendorSample(Camel):
    """A sample that the vendor holds of the voice; `detail` is in the vendor's own words."""

    sample_id: str
    vendor_sample_id: str
    filename: str | None
    duration_seconds: float | None
    size_bytes: int | None
    created_at: Timestamp
    detail: dict[str, Any]


class Recordings(Camel):
    """A clone's recordings, in the order of their upload, and what its vendor holds where it lists that."""

    voice_id: str
    samples: list[Recording]
    vendor_samples: list[VendorSample]


class Waveform(Camel):
    """Equal stretches of time, of each the lowest and the highest point in -127..127."""

    sample_id: str
    version: Literal["original", "prepared"]
    peaks: list[Pair]


class SentWaveform(Camel):
    """The waveform of a file for the vendor, in the same form."""

    number: int
    peaks: list[Pair]


class Bounds(BaseModel):
    """An inclusive range; null is open on that side."""

    min: float | None
    max: float | None


class EngineOf(Camel):
    """What an engine takes and can do, by which source and when that was looked up.

    `progress` is what a look at its training tells; `marker` is where a voice whose answer was lost is known by.
    """

    engine: str
    files: Bounds
    file_bytes: Bounds
    file_seconds: Bounds
    total_seconds: Bounds
    best_seconds: float | None
    name_chars: Bounds
    containers: list[SentContainer]
    creates_voices: bool
    adds_samples: bool
    max_samples: int | None
    deletes_samples: bool
    deletes_voices: bool
    needs_person: bool
    needs_language: bool
    progress: Progress
    marker: str
    source: str
    checked: Annotated[str, Field(json_schema_extra={"format": "date"})]


class VendorOf(Camel):
    """A vendor that is configured here."""

    vendor: str
    notice: str | None
    engines: list[EngineOf]


class Vendors(Camel):
    """The vendors that are configured here."""

    vendors: list[VendorOf]
