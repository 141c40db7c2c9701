"""Stage 4: follow the training. Each look is one short run; between two looks the job rests in its row."""

from shared import held
from shared.errors import ServiceError, TrainingFailed, TrainingOverdue, VendorError, VerificationOverdue
from shared.states import WaitingFor
from shared.vendors.protocol import Extensible, Training, TrainingState
from shared.vendors.refusals import title_of
from worker.endings import Ending, Finished, Rest, Save, nothing
from worker.task import Task

_LOOKS_FEWER = 10  # times, while a person is waited for: that takes days, and a call may be counted
VERIFICATION_S = 30 * 24 * 3600.0  # how long a person may take to prove whose voice it is


def track(task: Task) -> Ending:
    """Look once. Raises: TrainingFailed, TrainingOverdue, VerificationOverdue, and what the vendor's adapter raises."""
    voice_id, engine = task.vendor_voice_id, task.engine
    if voice_id is None:
        raise ServiceError("The job is being tracked, but no voice of the vendor is known.")
    training = task.ask(lambda vendor: vendor.poll(engine.name, voice_id))
    vendor = title_of(task.claim.vendor)
    match training.state:
        case TrainingState.READY:
            return Finished(voice_id, save=_held(task, voice_id))
        case TrainingState.FAILED:
            reason = (training.reason or "it gave no reason").rstrip(".")
            raise TrainingFailed(
                f"{vendor} could not train the voice: {reason}. Upload other recordings, or try another engine.",
            )
        case TrainingState.ACTION_REQUIRED:
            if task.claim.stage_age_s > VERIFICATION_S:
                raise VerificationOverdue(
                    f"Nobody proved to {vendor} within 30 days whose voice this is. Create or adopt the clone again, "
                    "and do what its verification asks for."
                )
            # Whoever hands something in here has it looked at once; only what is done elsewhere is found by looking.
            delay_s = engine.poll_every_s * min(task.claim.waits + 1, _LOOKS_FEWER)
            return Rest(WaitingFor.VERIFICATION, delay_s, training.progress, reason=training.reason)
    if task.claim.stage_age_s > engine.training_deadline_s:
        raise TrainingOverdue(
            f"{vendor} has not finished the training after {engine.training_deadline_s / 3600:g} h; "
            "ask the vendor about the voice, or create the clone again."
        )
    return Rest(WaitingFor.VENDOR, engine.poll_every_s, _fraction(task, training))


def _fraction(task: Task, training: Training) -> float:
    """Return how much of the training is done (0-1): the vendor's word, or else what may be expected by now.

    Half after the usual time, and always less than all: a bar that stands tells less, one that is full would lie.
    """
    if training.progress is not None:
        return training.progress
    age_s = task.claim.stage_age_s
    return age_s / (age_s + task.engine.training_typical_s)


def _held(task: Task, voice_id: str) -> Save:
    """Return what writes down which samples the vendor holds, where more can be added; a voice is ready without it."""
    engine = task.engine
    if not engine.abilities.adds_samples:
        return nothing
    try:
        listed = task.ask(
            lambda vendor: vendor.samples(engine.name, voice_id) if isinstance(vendor, Extensible) else ()
        )
    except VendorError:
        return nothing
    return lambda session: held.note(session, task.claim.account_id, task.claim.clone_id, listed)
