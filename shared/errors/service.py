"""What is wrong on our side: the services we stand on, the worker, the set-up."""

from shared.errors.root import ServiceError


class DatabaseUnavailable(ServiceError):
    """The database cannot be reached; try again in a moment."""

    code, status, retryable = "DATABASE_UNAVAILABLE", 503, True


class BrokerUnavailable(ServiceError):
    """The broker cannot be reached; work starts when it is back."""

    code, status, retryable = "BROKER_UNAVAILABLE", 503, True


class StorageUnavailable(ServiceError):
    """The storage for recordings cannot be reached; try again in a moment."""

    code, status, retryable = "STORAGE_UNAVAILABLE", 503, True


class SourceMissing(ServiceError):
    """A stored recording is gone or was changed; upload it again."""

    code = "SOURCE_MISSING"


class DecoderLost(ServiceError):
    """The process that decodes recordings ended from outside while it read one; the recording is not to blame."""

    code, retryable = "DECODER_LOST", True


class CheckLost(ServiceError):
    """The process that checks recordings ended before its answer; nothing was kept. Send the request again."""

    code, status, retryable = "CHECK_LOST", 503, True


class CheckOverdue(ServiceError):
    """Checking the recordings takes too long here; send fewer or shorter ones, or create the clone."""

    code, status = "CHECK_OVERDUE", 503


class StreamsFull(ServiceError):
    """This process holds as many streams and waiting polls open as it may. Ask without waiting, or in a moment."""

    code, status, retryable = "STREAMS_FULL", 503, True


class WorkerLost(ServiceError):
    """The worker died on every attempt at this stage; a recording may be too much for it."""

    code = "WORKER_LOST"


class ClaimLost(ServiceError):
    """Another worker owns this job now; this run writes nothing more."""

    code = "CLAIM_LOST"


class SetupError(ServiceError):
    """The service is not set up in a way that can work."""

    code = "SETUP"
