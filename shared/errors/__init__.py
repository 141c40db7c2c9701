"""Every error that clonepipe names, in one tree. A door changes only the envelope, never the code.

    ServiceError                      INTERNAL_ERROR                500
    ├── RequestError                  INVALID_REQUEST               400
    │   ├── MissingField              MISSING_FIELD                 400
    │   ├── InvalidField              INVALID_FIELD                 400
    │   ├── MalformedBody             MALFORMED_BODY                400
    │   ├── InvalidFileFormat         INVALID_FILE_FORMAT           400
    │   ├── EmptyFile                 EMPTY_FILE                    400
    │   ├── WebhookUrlRefused         INVALID_WEBHOOK_URL           400
    │   ├── TooManyFiles              TOO_MANY_FILES                400
    │   ├── DuplicateFile             DUPLICATE_FILE                400
    │   ├── Unauthorized              UNAUTHORIZED                  401
    │   ├── MissingScope              MISSING_SCOPE                 403
    │   ├── NotFound                  NOT_FOUND                     404
    │   │   └── CloneNotFound         VOICE_CLONE_NOT_FOUND         404
    │   ├── MethodNotAllowed          METHOD_NOT_ALLOWED            405
    │   ├── UploadTimeout             UPLOAD_TIMEOUT                408
    │   ├── SampleLimitExceeded       SAMPLE_LIMIT_EXCEEDED         400
    │   ├── CloneBusy                 VOICE_CLONE_BUSY              409
    │   ├── Canceled                  CANCELED                      409
    │   ├── NotCancelable             NOT_CANCELABLE                409
    │   ├── NotRetryable              NOT_RETRYABLE                 409
    │   ├── NotReplayable             NOT_REPLAYABLE                409
    │   ├── WebhookLimitExceeded      WEBHOOK_LIMIT_EXCEEDED        409
    │   ├── ExtensionUnsupported      EXTENSION_UNSUPPORTED         409
    │   ├── AlreadyAdopted            ALREADY_ADOPTED               409
    │   ├── VerificationNotRequired   VERIFICATION_NOT_REQUIRED     409
    │   ├── IdempotencyInFlight       IDEMPOTENCY_IN_FLIGHT         409
    │   ├── IdempotentCloneDeleted    IDEMPOTENT_CLONE_DELETED      410
    │   ├── FileTooLarge              FILE_TOO_LARGE                413
    │   ├── ContentEncodingUnsupported  CONTENT_ENCODING_UNSUPPORTED  415
    │   ├── RangeNotSatisfiable       RANGE_NOT_SATISFIABLE         416
    │   ├── IdempotencyKeyReused      IDEMPOTENCY_KEY_REUSED        422
    │   ├── VerificationRejected      VERIFICATION_REJECTED         422
    │   ├── RateLimited               RATE_LIMIT_EXCEEDED           429
    │   ├── CloneLimitExceeded        VOICE_CLONE_LIMIT_EXCEEDED    429
    │   ├── StreamLimitExceeded       STREAM_LIMIT_EXCEEDED         429
    │   ├── HeadersTooLarge           HEADERS_TOO_LARGE             431
    │   └── MethodUnknown             METHOD_UNKNOWN                501
    ├── AudioError                    AUDIO_ERROR                   422
    │   ├── AudioUnreadable           AUDIO_UNREADABLE              422
    │   ├── AudioTooShort             AUDIO_TOO_SHORT               422
    │   ├── AudioTooLong              AUDIO_TOO_LONG                422
    │   ├── NoSpeech                  NO_SPEECH                     422
    │   ├── AudioTooQuiet             AUDIO_TOO_QUIET               422
    │   ├── AudioTooNoisy             AUDIO_TOO_NOISY               422
    │   └── AudioClipped              AUDIO_CLIPPED                 422
    ├── VendorError                   VENDOR_ERROR                  502
    │   ├── VendorRejected            VENDOR_REJECTED               502
    │   │   ├── VendorNameTaken       VENDOR_NAME_TAKEN             502
    │   │   ├── VendorVoiceNotFound   VENDOR_VOICE_NOT_FOUND        404
    │   │   ├── VendorVoiceInUse      VENDOR_VOICE_IN_USE           409  retryable
    │   │   └── ErasureUnsupported    ERASURE_UNSUPPORTED_BY_VENDOR  502
    │   ├── VendorAuth                VENDOR_AUTH                   502
    │   ├── VendorQuota               VENDOR_QUOTA                  502
    │   ├── VendorRateLimited         VENDOR_RATE_LIMITED           503  retryable
    │   ├── VendorPaused              VENDOR_PAUSED                 503  retryable
    │   ├── VendorUnavailable         VENDOR_UNAVAILABLE            503  retryable
    │   ├── VendorProtocol            VENDOR_PROTOCOL               502
    │   ├── UnknownOutcome            VENDOR_UNKNOWN_OUTCOME        502  retryable
    │   ├── TrainingFailed            TRAINING_FAILED               502
    │   ├── TrainingOverdue           TRAINING_OVERDUE              502
    │   └── VerificationOverdue       VERIFICATION_OVERDUE          502
    ├── DatabaseUnavailable           DATABASE_UNAVAILABLE          503  retryable
    ├── BrokerUnavailable             BROKER_UNAVAILABLE            503  retryable, never shown to a client
    ├── StorageUnavailable            STORAGE_UNAVAILABLE           503  retryable
    ├── SourceMissing                 SOURCE_MISSING                500
    ├── DecoderLost                   DECODER_LOST                  500  retryable
    ├── CheckLost                     CHECK_LOST                    503  retryable
    ├── CheckOverdue                  CHECK_OVERDUE                 503
    ├── StreamsFull                   STREAMS_FULL                  503  retryable
    ├── WorkerLost                    WORKER_LOST                   500
    ├── ClaimLost                     CLAIM_LOST                    500  never leaves the worker
    └── SetupError                    SETUP                         500  told to the operator, exit code 2

The docstring of a class is its default message. `retryable` is the only thing the engine looks at to choose between
another attempt and failure; `status` is what a door answers when the error reaches it. Audio and vendor errors are
told inside the clone. One file a family: what a request, a recording, a vendor or a service of ours may get wrong.
"""

from shared.errors.audio import (
    AudioClipped,
    AudioError,
    AudioTooLong,
    AudioTooNoisy,
    AudioTooQuiet,
    AudioTooShort,
    AudioUnreadable,
    NoSpeech,
)
from shared.errors.request import (
    AlreadyAdopted,
    Canceled,
    CloneBusy,
    CloneLimitExceeded,
    CloneNotFound,
    ContentEncodingUnsupported,
    DuplicateFile,
    EmptyFile,
    ExtensionUnsupported,
    FileTooLarge,
    HeadersTooLarge,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    IdempotentCloneDeleted,
    InvalidField,
    InvalidFileFormat,
    MalformedBody,
    MethodNotAllowed,
    MethodUnknown,
    MissingField,
    MissingScope,
    NotCancelable,
    NotFound,
    NotReplayable,
    NotRetryable,
    RangeNotSatisfiable,
    RateLimited,
    RequestError,
    SampleLimitExceeded,
    StreamLimitExceeded,
    TooManyFiles,
    Unauthorized,
    UploadTimeout,
    VerificationNotRequired,
    VerificationRejected,
    WebhookLimitExceeded,
    WebhookUrlRefused,
)
from shared.errors.root import ServiceError
from shared.errors.service import (
    BrokerUnavailable,
    CheckLost,
    CheckOverdue,
    ClaimLost,
    DatabaseUnavailable,
    DecoderLost,
    SetupError,
    SourceMissing,
    StorageUnavailable,
    StreamsFull,
    WorkerLost,
)
from shared.errors.vendor import (
    ErasureUnsupported,
    TrainingFailed,
    TrainingOverdue,
    UnknownOutcome,
    VendorAuth,
    VendorError,
    VendorNameTaken,
    VendorPaused,
    VendorProtocol,
    VendorQuota,
    VendorRateLimited,
    VendorRejected,
    VendorUnavailable,
    VendorVoiceInUse,
    VendorVoiceNotFound,
    VerificationOverdue,
)

__all__ = [
    "AlreadyAdopted",
    "AudioClipped",
    "AudioError",
    "AudioTooLong",
    "AudioTooNoisy",
    "AudioTooQuiet",
    "AudioTooShort",
    "AudioUnreadable",
    "BrokerUnavailable",
    "Canceled",
    "CheckLost",
    "CheckOverdue",
    "ClaimLost",
    "CloneBusy",
    "CloneLimitExceeded",
    "CloneNotFound",
    "ContentEncodingUnsupported",
    "DatabaseUnavailable",
    "DecoderLost",
    "DuplicateFile",
    "EmptyFile",
    "ErasureUnsupported",
    "ExtensionUnsupported",
    "FileTooLarge",
    "HeadersTooLarge",
    "IdempotencyInFlight",
    "IdempotencyKeyReused",
    "IdempotentCloneDeleted",
    "InvalidField",
    "InvalidFileFormat",
    "MalformedBody",
    "MethodNotAllowed",
    "MethodUnknown",
    "MissingField",
    "MissingScope",
    "NoSpeech",
    "NotCancelable",
    "NotFound",
    "NotReplayable",
    "NotRetryable",
    "RangeNotSatisfiable",
    "RateLimited",
    "RequestError",
    "SampleLimitExceeded",
    "ServiceError",
    "SetupError",
    "SourceMissing",
    "StorageUnavailable",
    "StreamLimitExceeded",
    "StreamsFull",
    "TooManyFiles",
    "TrainingFailed",
    "TrainingOverdue",
    "Unauthorized",
    "UnknownOutcome",
    "UploadTimeout",
    "VendorAuth",
    "VendorError",
    "VendorNameTaken",
    "VendorPaused",
    "VendorProtocol",
    "VendorQuota",
    "VendorRateLimited",
    "VendorRejected",
    "VendorUnavailable",
    "VendorVoiceInUse",
    "VendorVoiceNotFound",
    "VerificationNotRequired",
    "VerificationOverdue",
    "VerificationRejected",
    "WebhookLimitExceeded",
    "WebhookUrlRefused",
    "WorkerLost",
]
