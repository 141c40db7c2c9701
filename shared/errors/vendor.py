"""What a vendor did: an adapter raises only these, and the vendor's words are kept and shown."""

from typing import Any

from shared.errors.root import ServiceError


class VendorError(ServiceError):
    """The vendor could not do what was asked."""

    code, status = "VENDOR_ERROR", 502


class VendorRejected(VendorError):
    """The vendor refused the recordings or the request."""

    code = "VENDOR_REJECTED"


class VendorNameTaken(VendorRejected):
    """The account at the vendor has a voice of this name already; choose another."""

    code = "VENDOR_NAME_TAKEN"


class VendorVoiceNotFound(VendorRejected):
    """The vendor has no such voice for this account."""

    code, status = "VENDOR_VOICE_NOT_FOUND", 404


class VendorVoiceInUse(VendorRejected):
    """The vendor does not delete a voice while something there speaks with it; it is tried again."""

    code, status, retryable = "VENDOR_VOICE_IN_USE", 409, True


class ErasureUnsupported(VendorRejected):
    """The vendor offers no call that deletes a voice; a person must delete it on the vendor's own pages."""

    code = "ERASURE_UNSUPPORTED_BY_VENDOR"


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


class VendorPaused(VendorError):
    """The vendor is not called for the moment: it is down, or the operator must mend something."""

    code, status, retryable = "VENDOR_PAUSED", 503, True

    def __init__(
        self, message: str | None = None, *, retry_after_s: float = 30.0, because: str | None = None, **details: Any
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s, because=because, **details)
        self.retry_after_s = retry_after_s
        self.because = because  # the code of what the vendor had answered


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


class VerificationOverdue(VendorError):
    """Nobody proved to the vendor whose voice it is in the time that this service waits."""

    code = "VERIFICATION_OVERDUE"
