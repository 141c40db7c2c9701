"""Every error that clonepipe names, in one tree. A door changes only the envelope, never the code.

    ServiceError INTERNAL_ERROR 500
    ├── RequestError INVALID_REQUEST 400
    │   ├── 400  MissingField MISSING_FIELD, InvalidField INVALID_FIELD, MalformedBody MALFORMED_BODY,
    │   │        InvalidFileFormat INVALID_FILE_FORMAT, EmptyFile EMPTY_FILE, TooManyFiles TOO_MANY_FILES,
    │   │        DuplicateFile DUPLICATE_FILE
    │   ├── 401  Unauthorized UNAUTHORIZED, 403  MissingScope MISSING_SCOPE, 404  NotFound NOT_FOUND,
    │   │   405  MethodNotAllowed METHOD_NOT_ALLOWED, 408  UploadTimeout UPLOAD_TIMEOUT,
    │   │   409  IdempotencyInFlight IDEMPOTENCY_IN_FLIGHT, 413  FileTooLarge FILE_TOO_LARGE,
    │   │   416  RangeNotSatisfiable RANGE_NOT_SATISFIABLE, 422  IdempotencyKeyReused IDEMPOTENCY_KEY_REUSED
    │   └── 429  RateLimited RATE_LIMIT_EXCEEDED, CloneLimitExceeded VOICE_CLONE_LIMIT_EXCEEDED
    ├── AudioError AUDIO_ERROR 422
    │   └── AudioUnreadable AUDIO_UNREADABLE, AudioTooShort AUDIO_TOO_SHORT, AudioTooLong AUDIO_TOO_LONG,
    │       NoSpeech NO_SPEECH
    ├── VendorError VENDOR_ERROR 502
    │   ├── 502  VendorRejected VENDOR_REJECTED, VendorAuth VENDOR_AUTH, VendorQuota VENDOR_QUOTA,
    │   │        VendorProtocol VENDOR_PROTOCOL, TrainingFailed TRAINING_FAILED, TrainingOverdue TRAINING_OVERDUE
    │   └── retryable:  502  UnknownOutcome VENDOR_UNKNOWN_OUTCOME,
    │       503  VendorRateLimited VENDOR_RATE_LIMITED, VendorUnavailable VENDOR_UNAVAILABLE
    ├── 503  retryable: DatabaseUnavailable DATABASE_UNAVAILABLE, StorageUnavailable STORAGE_UNAVAILABLE,
    │        BrokerUnavailable BROKER_UNAVAILABLE (never shown to a client)
    └── 500  SourceMissing SOURCE_MISSING, WorkerLost WORKER_LOST, DecoderLost DECODER_LOST (retryable),
             ClaimLost CLAIM_LOST (never leaves the worker), SetupError SETUP (told to the operator, exit code 2)

The docstring of a class is its default message. `retryable` is the only thing the engine looks at to choose between
another attempt and failure; `status` is what a door answers when the error reaches it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class ServiceError(Exception):
    """Something went wrong on our side; the request id lets support find it."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or " ".join((type(self).__doc__ or self.code).split())
        self.details: Mapping[str, Any] = details
        super().__init__(self.message)


class RequestError(ServiceError):
    """The request cannot be understood."""

    code, status = "INVALID_REQUEST", 400


class MissingField(RequestError):
    """A required field is missing."""

    code = "MISSING_FIELD"


class InvalidField(RequestError):
    """A field has a value that cannot be used."""

    code = "INVALID_FIELD"


class MalformedBody(RequestError):
    """The body is not well-formed multipart/form-data."""

    code = "MALFORMED_BODY"


class InvalidFileFormat(RequestError):
    """Unsupported audio format. Please use WAV, MP3, M4A, or FLAC files."""

    code = "INVALID_FILE_FORMAT"


class EmptyFile(RequestError):
    """A file has no bytes. Record it again, or check that the export finished."""

    code = "EMPTY_FILE"


class TooManyFiles(RequestError):
    """More files than one request may carry."""

    code = "TOO_MANY_FILES"


class DuplicateFile(RequestError):
    """The same recording was sent twice in one request."""

    code = "DUPLICATE_FILE"


class FileTooLarge(RequestError):
    """A file exceeds the size limit."""

    code, status = "FILE_TOO_LARGE", 413


class Unauthorized(RequestError):
    """No valid API key. Send it as 'Authorization: Bearer KEY' or as 'x-api-key: KEY'."""

    code, status = "UNAUTHORIZED", 401


class MissingScope(RequestError):
    """This API key does not have the permission that the request needs."""

    code, status = "MISSING_SCOPE", 403


class NotFound(RequestError):
    """There is nothing at this address for this account."""

    code, status = "NOT_FOUND", 404


class MethodNotAllowed(RequestError):
    """This address does not take that method."""

    code, status = "METHOD_NOT_ALLOWED", 405


class UploadTimeout(RequestError):
    """The upload stalled or was slower than the minimum rate; send it again."""

    code, status = "UPLOAD_TIMEOUT", 408


class RangeNotSatisfiable(RequestError):
    """The range that was asked for lies behind the end of the recording."""

    code, status = "RANGE_NOT_SATISFIABLE", 416


class IdempotencyInFlight(RequestError):
    """Another request with this Idempotency-Key is under way."""

    code, status = "IDEMPOTENCY_IN_FLIGHT", 409


class IdempotencyKeyReused(RequestError):
    """This Idempotency-Key was used for another content. A new request needs a new key."""

    code, status = "IDEMPOTENCY_KEY_REUSED", 422


class RateLimited(RequestError):
    """Too many requests in a short time. Wait as long as Retry-After says."""

    code, status = "RATE_LIMIT_EXCEEDED", 429


class CloneLimitExceeded(RequestError):
    """Maximum voice clones reached. Delete existing clones or raise the account's limit."""

    code, status = "VOICE_CLONE_LIMIT_EXCEEDED", 429


class AudioError(ServiceError):
    """A recording cannot be used."""

    code, status = "AUDIO_ERROR", 422


class AudioUnreadable(AudioError):
    """A recording cannot be decoded. Export it again as WAV, FLAC or MP3 and upload it anew."""

    code = "AUDIO_UNREADABLE"


class AudioTooShort(AudioError):
    """A recording is too short to clone a voice from."""

    code = "AUDIO_TOO_SHORT"


class AudioTooLong(AudioError):
    """A recording is longer than this service takes."""

    code = "AUDIO_TOO_LONG"


class NoSpeech(AudioError):
    """No speech was found in a recording."""

    code = "NO_SPEECH"


class VendorError(ServiceError):
    """The vendor could not do what was asked."""

    code, status = "VENDOR_ERROR", 502


class VendorRejected(VendorError):
    """The vendor refused the recordings or the request."""

    code = "VENDOR_REJECTED"


class VendorAuth(VendorError):
    """The vendor refused our credentials; the operator must check the vendor's API key."""

    code = "VENDOR_AUTH"


class VendorQuota(VendorError):
    """The plan at the vendor has no room for another voice."""

    code = "VENDOR_QUOTA"


class VendorRateLimited(VendorError):
    """The vendor asked us to slow down. Nothing was created there."""

    code, status, retryable = "VENDOR_RATE_LIMITED", 503, True

    def __init__(self, message: str | None = None, *, retry_after_s: float = 30.0, **details: Any) -> None:
        super().__init__(message, retry_after_s=retry_after_s, **details)
        self.retry_after_s = retry_after_s


class VendorUnavailable(VendorError):
    """The vendor could not be reached. Nothing was sent."""

    code, status, retryable = "VENDOR_UNAVAILABLE", 503, True


class VendorProtocol(VendorError):
    """The vendor answered something that its contract does not know."""

    code = "VENDOR_PROTOCOL"


class UnknownOutcome(VendorError):
    """The vendor may or may not have acted: the answer was lost."""

    code, retryable = "VENDOR_UNKNOWN_OUTCOME", True


class TrainingFailed(VendorError):
    """The vendor could not train a voice from these recordings."""

    code = "TRAINING_FAILED"


class TrainingOverdue(VendorError):
    """The vendor did not finish the training in the time it states."""

    code = "TRAINING_OVERDUE"


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


class WorkerLost(ServiceError):
    """The worker died on every attempt at this stage; a recording may be too much for it."""

    code = "WORKER_LOST"


class ClaimLost(ServiceError):
    """Another worker owns this job now; this run writes nothing more."""

    code = "CLAIM_LOST"


class SetupError(ServiceError):
    """The service is not set up in a way that can work."""

    code = "SETUP"
