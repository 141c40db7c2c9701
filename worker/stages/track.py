"""Stage 4: follow the training. Each look is one short run; between two looks the job rests in its row."""

from shared.errors import ServiceError, TrainingFailed, TrainingOverdue
from shared.states import WaitingFor
from shared.vendors.protocol import TrainingState
from worker.endings import Ending, Finished, Rest
from worker.task import Task


def track(task: Task) -> Ending:
    """Look once. Raises: TrainingFailed, TrainingOverdue, and what the vendor's adapter raises."""
    if task.vendor_voice_id is None:
        raise ServiceError("The job is being tracked, but no voice of the vendor is known.")
    training = task.vendor.poll(task.engine.name, task.vendor_voice_id)
    match training.state:
        case TrainingState.READY:
            return Finished(task.vendor_voice_id)
        case TrainingState.FAILED:
            reason = (training.reason or "it gave no reason").rstrip(".")
            raise TrainingFailed(
                f"{task.claim.vendor.capitalize()} could not train the voice: {reason}. "
                "Upload other recordings, or try another engine.",
            )
        case TrainingState.TRAINING | TrainingState.UNKNOWN:
            if task.claim.stage_age_s > task.engine.training_deadline_s:
                hours = task.engine.training_deadline_s / 3600
                raise TrainingOverdue(
                    f"{task.claim.vendor.capitalize()} has not finished the training after {hours:g} h; "
                    "ask the vendor about the voice, or create the clone again."
                )
            return Rest(WaitingFor.VENDOR, task.engine.poll_every_s, training.progress)
