"""A clone's verification, asked of its vendor and handed in to it, through the vendor's gate.

What is handed in is received only when the clone waits for it, lies in a private folder for as long as the vendor's
call takes, and is gone then. After that the job looks at once, and goes on by itself.
"""

from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.intake.checking import CheckRoom
from api.intake.proofs import ProofForm, Proofs, receive_proofs
from shared import verifications, views
from shared.asking import Subject, ask
from shared.errors import (
    UnknownOutcome,
    VendorRejected,
    VendorVoiceNotFound,
    VerificationNotRequired,
    VerificationRejected,
)
from shared.keys import Caller
from shared.services import Services
from shared.states import QUEUE_OF, Stage
from shared.vendors.protocol import Vendor, Verifiable, Verification
from shared.vendors.refusals import title_of
from shared.verifications import Unproven
from shared.views import CloneView

T = TypeVar("T")
HandIn = Callable[[Verifiable, str, Proofs], None]


def look(services: Services, caller: Caller, clone_id: str) -> Verification:
    """Ask the vendor what a person is to do.

    Raises: CloneNotFound, VerificationNotRequired, and what the vendor's adapter and its gate raise.
    """
    unproven = _waiting(services, caller, clone_id)
    return _ask(services, unproven, lambda vendor: vendor.verification(unproven.vendor_voice_id))


async def hand_in(request: Request, caller: Caller, clone_id: str, form: ProofForm, give: HandIn) -> CloneView:
    """Receive a form and hand it to the vendor; return the clone.

    Raises: CloneNotFound, VerificationNotRequired, every RequestError that the form can earn, VerificationRejected, and
        what else the vendor's adapter and its gate raise.
    """
    services: Services = request.app.state.services
    room: CheckRoom = request.app.state.checks
    unproven = await run_in_threadpool(_waiting, services, caller, clone_id)
    async with room.folder() as folder:
        proofs = await receive_proofs(
            request.stream(),
            request.headers.get("content-type"),
            form,
            folder,
            min_rate_bytes_s=services.settings.upload_min_rate_kib_s * 1024,
        )
        try:
            await run_in_threadpool(_give, services, unproven, proofs, give)
        except VendorVoiceNotFound:
            raise
        except VendorRejected as error:
            raise _rejected(unproven, error) from error
        except UnknownOutcome:
            await run_in_threadpool(_go_on, request, caller, unproven)
            raise
    return await run_in_threadpool(_go_on, request, caller, unproven)


def _waiting(services: Services, caller: Caller, clone_id: str) -> Unproven:
    with services.database.read() as session:
        return verifications.waiting(session, caller.account_id, clone_id)


def _give(services: Services, unproven: Unproven, proofs: Proofs, give: HandIn) -> None:
    _ask(services, unproven, lambda vendor: give(vendor, unproven.vendor_voice_id, proofs))


def _rejected(unproven: Unproven, error: VendorRejected) -> VerificationRejected:
    """Say it with another remedy: the clone is as good as before."""
    words = str(error.details.get("vendor_words") or error.message).rstrip(".")
    advice = f"Look at …/{unproven.clone_id}/verification for what is left to do."
    return VerificationRejected(f"{title_of(unproven.vendor)} did not accept it: {words}. {advice}", **error.details)


def _ask(services: Services, unproven: Unproven, call: Callable[[Verifiable], T]) -> T:
    def checked(vendor: Vendor) -> T:
        if not isinstance(vendor, Verifiable):
            raise VerificationNotRequired
        return call(vendor)

    subject = Subject(unproven.clone_id, unproven.job_id)
    return ask(services.database, services.vendors[unproven.vendor], subject, checked)


def _go_on(request: Request, caller: Caller, unproven: Unproven) -> CloneView:
    """Let the job look now, and return the clone as it is."""
    services: Services = request.app.state.services
    with services.database.write() as session:
        verifications.hasten(session, unproven.job_id)
        view = views.get(session, caller.account_id, unproven.clone_id)
    request.app.state.doorbell.ring(QUEUE_OF[Stage.TRACK], unproven.job_id)
    return view
