"""Failing over: a clone whose vendor refuses for quota, plan or outage goes to the next that its owner named.

Never while a call's outcome is unknown: the voice may exist. An outage is a gate that was closed, or a vendor that was
given up because it took the calls and answered none; what may come of those is looked for later, and deleted.
"""

from sqlalchemy.orm import Session

from shared import claims, submissions
from shared.claims import Claim
from shared.db.models import Clone
from shared.errors import ServiceError, VendorAuth, VendorPaused, VendorProtocol, VendorQuota
from shared.states import JobKind, Stage, SubmissionState
from shared.vendors import Vendors


def hand_over(session: Session, vendors: Vendors, claim: Claim, error: ServiceError) -> bool:
    """Hand the clone to the next vendor if the error is a reason to and there is one. Raises: ClaimLost."""
    is_reason = isinstance(error, VendorQuota | VendorAuth | VendorPaused) or _was_given_up(error)
    if not is_reason or claim.kind is not JobKind.CREATE or claim.stage is not Stage.SUBMIT:
        return False
    intent = submissions.latest(session, claim.job_id)
    if intent is not None and intent.state is not SubmissionState.REFUSED:
        return False
    waiting = [list(one) for one in session.get_one(Clone, claim.clone_id).fallbacks or ()]
    while waiting:
        vendor, engine = waiting.pop(0)
        if vendors.engine_of(vendor, engine) is not None:
            claims.hand_over(session, claim, (vendor, engine), waiting, error)
            return True
    return False


def _was_given_up(error: ServiceError) -> bool:
    """Tell whether the vendor never answered the calls that it took."""
    return isinstance(error, VendorProtocol) and "unanswered_calls" in error.details
