"""The stage `submit` of a job that changes a voice: samples added, effectively once, or one taken away.

The intent is committed with the ids of the samples that the vendor holds before the call. Whoever finds an intent
without an answer lists them again: what is new came of the call. Only when nothing is, twice and late enough, is it
called again.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import held, submissions
from shared.db.models import HeldSample
from shared.errors import ExtensionUnsupported, ServiceError, UnknownOutcome, VendorError, VendorProtocol
from shared.states import Stage, SubmissionState
from shared.submissions import Intent
from shared.vendors.protocol import Extensible, SampleFile, Vendor, VendorSample
from worker.endings import Advance, Ending
from worker.stages.paid_call import MOST_CALLS, call_again, lost, reconcile, sendable
from worker.task import Task

T = TypeVar("T")


def extend(task: Task) -> Ending:
    """Add the prepared files to the voice, or take a sample away.

    Raises: ExtensionUnsupported, every VendorError but UnknownOutcome, StorageUnavailable.
    """
    if task.claim.held_sample_id is not None:
        return _remove(task, task.claim.held_sample_id)
    with task.services.database.read() as session:
        intent = submissions.latest(session, task.claim.job_id)
    if intent is not None and intent.state is SubmissionState.ACCEPTED:
        return Advance(Stage.TRACK)
    if intent is not None and intent.state is SubmissionState.INTENDED:
        return _reconcile(task, intent)
    if intent is not None:
        # It was refused, in words that said to come again. A vendor that says so may have added them all the same.
        return _look(task, intent) or call_again(task, intent, lambda files: _call(task, intent.marker, files))
    files = sendable(task)
    before = [sample.sample_id for sample in held_by_vendor(task)]
    with task.transaction() as session:
        marker = submissions.intend(session, task.claim, held_before=before)
    return _call(task, marker, files)


def held_by_vendor(task: Task) -> tuple[VendorSample, ...]:
    """Ask which samples the vendor holds of the clone's voice. Raises: what the adapter raises."""
    return _of_extensible(task, lambda vendor: vendor.samples(task.engine.name, _voice_id(task)))


def _call(task: Task, marker: str, files: list[SampleFile]) -> Ending:
    try:
        _of_extensible(task, lambda vendor: vendor.add(task.engine.name, _voice_id(task), files), files)
    except (UnknownOutcome, VendorProtocol) as error:
        return lost(task, error)
    except VendorError:
        with task.transaction() as session:
            submissions.refuse(session, marker)
        raise
    return _accepted(task, marker, held_by_vendor(task))


def _accepted(task: Task, marker: str, listed: tuple[VendorSample, ...]) -> Ending:
    def save(session: Session) -> None:
        submissions.accept(session, marker, _voice_id(task))
        held.note(session, task.claim.account_id, task.claim.clone_id, listed)

    return Advance(Stage.TRACK, save)


def _reconcile(task: Task, intent: Intent) -> Ending:
    def call(files: list[SampleFile]) -> Ending:
        return _call(task, intent.marker, files)

    if task.engine.abilities.adds_again and intent.calls < MOST_CALLS:
        return call_again(task, intent, call)
    return reconcile(task, intent, look=lambda: _look(task, intent), call=call, late_look_s=None)


def _look(task: Task, intent: Intent) -> Ending | None:
    listed = held_by_vendor(task)
    is_new = {sample.sample_id for sample in listed} - set(intent.held_before or ())
    return _accepted(task, intent.marker, listed) if is_new else None


def _remove(task: Task, held_sample_id: str) -> Ending:
    """Take a sample away: an order that may be given twice."""
    with task.services.database.read() as session:
        sample_id = session.scalar(select(HeldSample.vendor_sample_id).where(HeldSample.id == held_sample_id))
    if sample_id is not None:
        take_away(task, sample_id)
    listed = tuple(sample for sample in held_by_vendor(task) if sample.sample_id != sample_id)
    clone_id, account_id = task.claim.clone_id, task.claim.account_id
    return Advance(Stage.TRACK, lambda session: held.note(session, account_id, clone_id, listed))


def take_away(task: Task, sample_id: str) -> None:
    """Have the vendor take a sample away; one that is not there is no error. Raises: what the adapter raises."""
    _of_extensible(task, lambda vendor: vendor.remove(task.engine.name, _voice_id(task), sample_id))


def _of_extensible(task: Task, call: Callable[[Extensible], T], sending: Sequence[SampleFile] = ()) -> T:
    """Call a vendor that takes samples. Raises: ExtensionUnsupported."""

    def checked(vendor: Vendor) -> T:
        if not isinstance(vendor, Extensible):
            raise ExtensionUnsupported
        return call(vendor)

    return task.ask(checked, sending=sending)


def _voice_id(task: Task) -> str:
    if task.vendor_voice_id is None:
        raise ServiceError("Samples are to be added, but no voice of the vendor is known.")
    return task.vendor_voice_id
