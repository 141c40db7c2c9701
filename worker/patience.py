"""Whether a job waits for what stands in its way, how long, and when it ends instead.

What passes by itself is waited for: an outage, a vendor that wants time. What somebody must mend, a key that was
refused or a plan that is full, ends a job at once and says who must do what. A voice that is at the vendor, or may be,
is paid for: it waits. So does whoever finds a vendor that is not called: nobody said no to it, and when the vendor is
called again it goes on.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from shared import submissions
from shared.claims import Claim
from shared.errors import ServiceError, VendorAuth, VendorError, VendorPaused, VendorQuota, VendorRateLimited
from shared.states import CANCELABLE, RELENTLESS, Stage, SubmissionState, WaitingFor
from shared.vendors import Vendors
from worker.stages.track import VERIFICATION_S

BACKOFF_S: Final = 1.0  # doubling with every clean wait in a row
BACKOFF_MAX_S: Final = 300.0
STAGE_PATIENCE_S: Final = 24 * 3600.0  # how long a stage may rest on somebody else's outage, beyond its own time
_LEAST_S: Final = 0.1
_BY_HAND: Final[dict[str | None, type[VendorError]]] = {kind.code: kind for kind in (VendorAuth, VendorQuota)}


@dataclass(frozen=True, slots=True)
class Wait:
    """How a job waits, and for how long until it looks again."""

    waiting_for: WaitingFor
    delay_s: float


def weigh(session: Session, vendors: Vendors, claim: Claim, error: ServiceError) -> Wait | ServiceError:
    """Return how the job waits for the error to pass, or the error that it ends with."""
    relentless = claim.kind in RELENTLESS  # which never give up: what is at the vendor is somebody's voice
    for_somebody = _by_hand(error)
    if error is for_somebody and not relentless and _has_nothing_there(session, claim):
        return error
    if not relentless and claim.stage_age_s >= _patience_s(vendors, claim):
        return for_somebody or error
    backoff_s = min(BACKOFF_S * 2.0 ** min(claim.waits, 20), BACKOFF_MAX_S)
    if isinstance(error, VendorRateLimited):
        return Wait(WaitingFor.RATE_LIMIT, max(error.retry_after_s, _LEAST_S))
    if isinstance(error, VendorPaused):
        return Wait(WaitingFor.VENDOR, min(max(error.retry_after_s, _LEAST_S), BACKOFF_MAX_S))
    if for_somebody is not None:
        return Wait(WaitingFor.VENDOR, backoff_s)
    return Wait(WaitingFor.RETRY, backoff_s) if error.retryable or relentless else error


def _by_hand(error: ServiceError) -> VendorError | None:
    """Return the error in the words of what a person must mend; None: nobody must."""
    if isinstance(error, VendorAuth | VendorQuota):
        return error
    kind = _BY_HAND.get(error.because) if isinstance(error, VendorPaused) else None
    return None if kind is None else kind(error.message)


def _has_nothing_there(session: Session, claim: Claim) -> bool:
    """Tell whether no voice can be lost by ending the job: nothing was made yet, or only a change fails."""
    if claim.stage is not Stage.SUBMIT or claim.kind not in CANCELABLE:
        return False
    intent = submissions.latest(session, claim.job_id)
    return intent is None or intent.state in (SubmissionState.REFUSED, SubmissionState.SPENT)


def _patience_s(vendors: Vendors, claim: Claim) -> float:
    """Return how old a stage may be when it meets an outage: a training and a person's proof take days themselves."""
    if claim.stage is not Stage.TRACK:
        return STAGE_PATIENCE_S
    engine = vendors.engine_of(claim.vendor, claim.engine)
    training_s = 0.0 if engine is None else engine.training_deadline_s
    return STAGE_PATIENCE_S + (VERIFICATION_S if claim.waited_for is WaitingFor.VERIFICATION else training_s)
