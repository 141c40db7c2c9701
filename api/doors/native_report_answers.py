"""The report of the native door, as the OpenAPI document shows it; like `native_answers`, for documentation only.

What the sound room measures keeps the sound room's names: the last word is the unit.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Verdict = Literal["ok", "warn", "refuse"]


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class Measured(BaseModel):
    """The figures of a recording, or of a file; null is what could not be measured or has no meaning there."""

    duration_s: float
    missing_share: float | None
    speech_s: float
    speech_share: float
    speech_by: Literal["silero", "energy"]
    snr_db: float | None
    snr_by: Annotated[str | None, Field(description="`pauses`, or `percentile` where there were too few of them")]
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    peak_dbfs: float | None
    flat_tops_per_10k: float | None
    pile_up: float | None
    crest_db: float | None
    bandwidth_hz: float | None
    echo_s: float | None
    voice_likeness: float | None
    gated_share: float | None
    flickering_share: float | None
    heard_s: Annotated[float | None, Field(description="Of how many seconds speech was heard; null: of all")] = None
    sampled_s: Annotated[
        float | None, Field(description="Of how many seconds clipping and bandwidth were taken; null: of all")
    ] = None


class MixOf(BaseModel):
    """How a recording became mono: `channel` is the one that was taken, null for the mean."""

    channel: int | None
    offset: float


class Inspected(BaseModel):
    """A recording as it was uploaded: what its bytes are, and what was measured of it."""

    format: str
    codec: str
    rate_hz: int
    channels: int
    duration_s: Annotated[float, Field(description="What could be decoded")]
    header_duration_s: Annotated[float | None, Field(description="What the file claims")]
    mix: MixOf
    measures: Measured


class FindingOf(BaseModel):
    """A measure with its limits, either of which may be null, and what to do about it; null where there is nothing."""

    name: str
    value: float | None
    unit: str
    warn: float | None
    refuse: float | None
    verdict: Verdict
    advice: str | None


class SampleReport(_Camel):
    """A recording's report, before anything was done to it.

    `verdict` is the gravest of the findings; it and `before` are null until `validate` has run. A recording has no
    `after`: what is sent may be made of several, and stands in `sent`.
    """

    sample_id: str
    filename: str
    format: str
    size_bytes: int
    sha256: str
    verdict: Verdict | None
    findings: list[FindingOf]
    warnings: Annotated[list[str], Field(description="What is wrong with the file itself")]
    before: Inspected | None


class NoteOf(BaseModel):
    """What was done about the noise of one recording, and why."""

    sample_id: Annotated[str, Field(alias="sampleId")]
    denoise: Annotated[str, Field(description="What was used; `none`: the sound went out as it was")]
    cap_db: Annotated[float, Field(description="By how much noise was turned down at the most")]
    tried: Annotated[str | None, Field(description="What was tried, used or not")]
    reason: str
    snr_before_db: float | None
    snr_after_db: float | None
    voice_kept: float | None


class SourceOf(_Camel):
    """Where a stretch of a file comes from, and where in the file it is."""

    sample_id: str
    start_seconds: float
    end_seconds: float
    at_seconds: float


class PartOf(BaseModel):
    """What was done to all that was taken from one recording."""

    source: str
    sha256: str
    mix: MixOf
    denoise: str
    cap_db: float
    gain_db: float


class CutOf(BaseModel):
    """A stretch of one of the parts, counted from 0."""

    part: int
    start_s: float
    end_s: float


class RecipeOf(BaseModel):
    """Everything that was done to make a file, exact enough to make the same bytes again."""

    parts: list[PartOf]
    cuts: list[CutOf]
    rate_hz: int
    gain_db: float
    container: str


class SentUrls(BaseModel):
    """Where a file's sound and waveform are."""

    audio: str
    peaks: str


class MadeFile(_Camel):
    """A file made for the vendor, of one or more recordings.

    `before` is measured of the chosen stretches as they were recorded, `after` of the file; the sources' seconds add up
    to the file's.
    """

    number: int
    container: str
    rate_hz: int
    duration_seconds: float
    size_bytes: int
    sha256: str
    before: Measured
    after: Measured
    notes: list[NoteOf]
    sources: list[SourceOf]
    recipe: RecipeOf


class SentReport(MadeFile):
    """... and where it can be heard and drawn."""

    urls: SentUrls


class Report(_Camel):
    """What was measured of a clone's recordings, and what was made of them; `sent` is empty until `prepare` has run."""

    voice_id: str
    samples: list[SampleReport]
    sent: list[SentReport]
