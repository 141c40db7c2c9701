"""A paid call at a vendor, whatever comes of it: what it carries, and what is done when its answer is lost.

The rhythm is the same for a voice and for samples that are added to one: look, look again when the vendor must show
what it made, call once more, and after a few calls give up.
"""

from collections.abc import Callable
from typing import Final

from shared import log, submissions
from shared.errors import ServiceError, VendorError, VendorProtocol
from shared.states import WaitingFor
from shared.submissions import Intent
from shared.vendors.protocol import SampleFile
from shared.vendors.refusals import title_of
from worker.endings import Ending, Rest
from worker.remains import MARGIN_S
from worker.stages.prepare import CONTENT_TYPES
from worker.task import Task

FIRST_LOOK_S: Final = 0.5
LOOKS: Final = 2
MOST_CALLS: Final = 3  # whose answers were all lost, until it is given up
_logger = log.get(__name__)

Call = Callable[[list[SampleFile]], Ending]


def sendable(task: Task) -> list[SampleFile]:
    """Fetch what was prepared, before the intent is written: a storage that is down must cost no look at the vendor."""
    if not task.prepared:
        raise ServiceError("The job is to be submitted, but nothing was prepared for it.")
    word = task.claim.job_id.partition("_")[2][:8]
    return [
        SampleFile(
            path=task.fetch(file.object_key),
            filename=f"{word}-{file.number}.{file.container}",
            content_type=CONTENT_TYPES[file.container],
            duration_s=file.duration_s,
            cleaned=file.cleaned,
        )
        for file in task.prepared
    ]


def lost(task: Task, error: VendorError) -> Rest:
    """Rest until the first look at what came of a call whose answer was lost, or cannot be read."""
    _logger.warning("outcome_unknown", job=task.claim.job_id, kind=task.claim.kind.value, code=error.code)
    return Rest(WaitingFor.RETRY, FIRST_LOOK_S)


def reconcile(
    task: Task, intent: Intent, *, look: Callable[[], Ending | None], call: Call, late_look_s: float | None
) -> Ending:
    """Find out what came of a call whose answer was never saved: `look` returns how the stage ends if something did.

    `late_look_s`: when it is looked for once more after it was given up. Raises: VendorProtocol: it is given up.
    """
    found = look()
    if found is not None:
        return found
    certain_after_s = task.engine.call_timeout_s + task.engine.listing_lag_s
    if intent.empty_looks + 1 < LOOKS or intent.age_s <= certain_after_s:
        delay_s = max(FIRST_LOOK_S, certain_after_s - intent.age_s + MARGIN_S)
        return Rest(WaitingFor.RETRY, delay_s, save=lambda session: submissions.note_empty_look(session, intent))
    if intent.calls < MOST_CALLS:
        return call_again(task, intent, call)
    with task.transaction() as session:
        submissions.refuse(session, intent.marker, look_again_in_s=late_look_s)
    raise VendorProtocol(
        f"{title_of(task.claim.vendor)} was called {intent.calls} times, never answered, and shows nothing that came "
        "of it. Try again later, or choose another vendor.",
        unanswered_calls=intent.calls,
    )


def call_again(task: Task, intent: Intent, call: Call) -> Ending:
    """Make the same call once more, under the same marker."""
    files = sendable(task)
    with task.transaction() as session:
        submissions.intend_again(session, intent)
    return call(files)
