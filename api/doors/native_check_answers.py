"""The answer of a check, as the OpenAPI document shows it; like `native_answers`, for documentation only."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.doors.native_report_answers import MadeFile, SampleReport, Verdict


def _may_be_absent(schema: dict[str, Any]) -> None:
    """Declare a field that has a default only so that it is not required."""
    schema.pop("default", None)


class RefusalOf(BaseModel):
    """Why a recording cannot be used, in the words that a clone's failure would have."""

    code: str
    message: str
    details: dict[str, Any]


class CheckedSample(SampleReport):
    """A recording of a check; `sampleId` is its place in the request. One that is refused has an `error`."""

    error: RefusalOf | None


class Check(BaseModel):
    """What recordings are worth to an engine; `sent` is empty where one is refused.

    Where all of them together are too little, `sent` is what could be made of them.
    """

    vendor: str
    engine: str
    verdict: Annotated[
        Verdict,
        Field(
            description="Of a clone made of exactly these recordings: `refuse`: it would fail; `warn`: see `reasons`"
        ),
    ]
    reasons: Annotated[list[str], Field(description="What would be sent, then what speaks against it, gravest first")]
    samples: list[CheckedSample]
    sent: list[MadeFile]
    ignored_fields: Annotated[
        list[str],
        Field(
            default=[],
            alias="ignoredFields",
            json_schema_extra=_may_be_absent,
            description="Fields that mean nothing to a check; absent: none",
        ),
    ]
