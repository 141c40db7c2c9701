"""The words of the pipeline's states, and what each stage weighs. Nothing here touches a database."""

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """The voice's state as clients read it: Buena's three words and no other."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class JobKind(StrEnum):
    """What one run of a clone through the pipeline is for."""

    CREATE = "create"
    EXTEND = "extend"
    ERASE = "erase"
    CANCEL = "cancel"  # removes at the vendor what a job had made there that was cancelled
    ADOPT = "adopt"  # done as soon as it is written, unless the voice waits for its person


class Stage(StrEnum):
    """A job's position. An erase or cancel job has one position only: `submit`, where the vendor is told."""

    VALIDATE = "validate"
    PREPARE = "prepare"
    SUBMIT = "submit"
    TRACK = "track"


class WaitingFor(StrEnum):
    """Why a job rests beside its stage."""

    VENDOR = "vendor"
    VERIFICATION = "verification"
    RATE_LIMIT = "rate_limit"
    RETRY = "retry"


class Outcome(StrEnum):
    """How a job ended; a job without one is live."""

    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


class SubmissionState(StrEnum):
    """What is known of one paid call at a vendor."""

    INTENDED = "intended"  # the intent is committed; whether the call was made, and heard, is unknown
    ACCEPTED = "accepted"  # the vendor's voice id is known
    REFUSED = "refused"  # the vendor said no, or was never reached: nothing was created
    SPENT = "spent"  # its voice is of no use and is deleted before another is made


class Queue(StrEnum):
    """The Celery queues: what a worker process is good at."""

    AUDIO = "audio"
    VENDOR = "vendor"
    CALLBACK = "callback"


class EventType(StrEnum):
    """The kinds of lines in a clone's history."""

    PROCESSING = "voice_clone.processing"
    PROGRESS = "voice_clone.progress"
    READY = "voice_clone.ready"
    FAILED = "voice_clone.failed"
    ACTION_REQUIRED = "voice_clone.action_required"
    ERASED = "voice_clone.erased"


class EndpointKind(StrEnum):
    """What a webhook endpoint is."""

    ENDPOINT = "endpoint"  # set up by its account, told of all of the account's clones
    CALLBACK = "callback"  # the `callback_url` of clones, told of those alone
    DEFAULT = "default"  # keeps the secret that callbacks are signed with, and is called by nobody
    LISTENER = "listener"  # fetches its deliveries itself, as `clonepipe listen` does


class DeliveryState(StrEnum):
    """What became of a message for an endpoint."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Denoise(StrEnum):
    """Whether noise is removed: by need, always, never."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Trim(StrEnum):
    """Whether silence at the ends is cut."""

    AUTO = "auto"
    OFF = "off"


QUEUE_OF: Final = {
    Stage.VALIDATE: Queue.AUDIO,
    Stage.PREPARE: Queue.AUDIO,
    Stage.SUBMIT: Queue.VENDOR,
    Stage.TRACK: Queue.VENDOR,
}

# Jobs whose owner may change their mind.
CANCELABLE: Final = frozenset({JobKind.CREATE, JobKind.EXTEND})

# Jobs that never give up: what they remove at a vendor is somebody's voice.
RELENTLESS: Final = frozenset({JobKind.ERASE, JobKind.CANCEL})

# Percent of the whole at which a stage begins and ends. 100 is kept for `ready`.
SPAN_OF: Final = {
    Stage.VALIDATE: (0, 10),
    Stage.PREPARE: (10, 40),
    Stage.SUBMIT: (40, 50),
    Stage.TRACK: (50, 99),
}


def percent(stage: Stage, fraction: float) -> int:
    """Return the whole job's percent, 0-99, when `fraction` (0-1) of `stage` is done."""
    start, end = SPAN_OF[stage]
    return int(start + (end - start) * min(max(fraction, 0.0), 1.0))


def tried_again(message: str | None) -> str:
    """Return an error's words as they are shown while a live job waits for it to pass."""
    return f"{message or ''} It is tried again by itself.".strip()
