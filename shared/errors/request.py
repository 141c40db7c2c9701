"""What is wrong with a request: told to the client at once, and nothing of it is kept."""

from shared.errors.root import ServiceError


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
    """The body is not what the operation takes: well-formed multipart/form-data, or to change a clone JSON."""

    code = "MALFORMED_BODY"


class InvalidFileFormat(RequestError):
    """Unsupported audio format. Please use WAV, MP3, M4A, or FLAC files."""

    code = "INVALID_FILE_FORMAT"


class EmptyFile(RequestError):
    """A file has no bytes. Record it again, or check that the export finished."""

    code = "EMPTY_FILE"


class WebhookUrlRefused(RequestError):
    """The webhook's URL cannot be used: it must be https, on port 443 or 8443, to a host with public addresses only."""

    code = "INVALID_WEBHOOK_URL"


class TooManyFiles(RequestError):
    """More files than one request may carry."""

    code = "TOO_MANY_FILES"


class DuplicateFile(RequestError):
    """The same recording was sent twice in one request."""

    code = "DUPLICATE_FILE"


class SampleLimitExceeded(RequestError):
    """The voice cannot hold as many samples."""

    code = "SAMPLE_LIMIT_EXCEEDED"


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


class MethodUnknown(RequestError):
    """No address of this service knows that method."""

    code, status = "METHOD_UNKNOWN", 501


class UploadTimeout(RequestError):
    """The upload stalled or was slower than the minimum rate; send it again."""

    code, status = "UPLOAD_TIMEOUT", 408


class ContentEncodingUnsupported(RequestError):
    """The request's body is compressed or encoded; send its bytes as they are."""

    code, status = "CONTENT_ENCODING_UNSUPPORTED", 415


class RangeNotSatisfiable(RequestError):
    """The range that was asked for lies behind the end of the recording."""

    code, status = "RANGE_NOT_SATISFIABLE", 416


class CloneBusy(RequestError):
    """The clone is in the middle of something else, or is not ready; ask again when it is."""

    code, status = "VOICE_CLONE_BUSY", 409


class Canceled(RequestError):
    """It was cancelled before it was done. Create the clone again to have it."""

    code, status = "CANCELED", 409


class NotCancelable(RequestError):
    """Nothing is going on with the clone that could be cancelled."""

    code, status = "NOT_CANCELABLE", 409


class NotRetryable(RequestError):
    """There is no failed run of the clone that could be tried again."""

    code, status = "NOT_RETRYABLE", 409


class NotReplayable(RequestError):
    """The webhook's delivery cannot be sent again."""

    code, status = "NOT_REPLAYABLE", 409


class WebhookLimitExceeded(RequestError):
    """The account has as many webhook endpoints as it may. Delete one that is not needed."""

    code, status = "WEBHOOK_LIMIT_EXCEEDED", 409


class ExtensionUnsupported(RequestError):
    """Voices of this engine take no further samples."""

    code, status = "EXTENSION_UNSUPPORTED", 409


class AlreadyAdopted(RequestError):
    """This voice is a clone here already."""

    code, status = "ALREADY_ADOPTED", 409


class VerificationNotRequired(RequestError):
    """The clone does not wait for anybody to prove whose voice it is."""

    code, status = "VERIFICATION_NOT_REQUIRED", 409


class VerificationRejected(RequestError):
    """The vendor did not accept what was handed in as proof of whose voice it is."""

    code, status = "VERIFICATION_REJECTED", 422


class IdempotencyInFlight(RequestError):
    """Another request with this Idempotency-Key is under way."""

    code, status = "IDEMPOTENCY_IN_FLIGHT", 409


class IdempotentCloneDeleted(RequestError):
    """What this Idempotency-Key created was deleted since. A new request needs a new key."""

    code, status = "IDEMPOTENT_CLONE_DELETED", 410


class IdempotencyKeyReused(RequestError):
    """This Idempotency-Key was used for another content. A new request needs a new key."""

    code, status = "IDEMPOTENCY_KEY_REUSED", 422


class RateLimited(RequestError):
    """Too many requests in a short time. Wait as long as Retry-After says."""

    code, status = "RATE_LIMIT_EXCEEDED", 429


class CloneLimitExceeded(RequestError):
    """Maximum voice clones reached. Delete existing clones or raise the account's limit."""

    code, status = "VOICE_CLONE_LIMIT_EXCEEDED", 429


class CloneNotFound(NotFound):
    """There is no such voice clone on this account."""

    code = "VOICE_CLONE_NOT_FOUND"


class StreamLimitExceeded(RequestError):
    """The key holds as many streams and waiting polls open as it may."""

    code, status = "STREAM_LIMIT_EXCEEDED", 429


class HeadersTooLarge(RequestError):
    """The request's head, its address and headers, is larger than this service reads."""

    code, status = "HEADERS_TOO_LARGE", 431
