"""What a job does at each position: one file a stage, one line here."""

from collections.abc import Callable

from shared.errors import ServiceError
from shared.states import JobKind, Stage
from worker.endings import Ending
from worker.stages.cancel import cancel
from worker.stages.erase import erase
from worker.stages.extend import extend
from worker.stages.prepare import prepare
from worker.stages.submit import submit
from worker.stages.track import track
from worker.stages.validate import validate
from worker.task import Task

StageFunction = Callable[[Task], Ending]

_PLAN: dict[tuple[JobKind, Stage], StageFunction] = {
    (JobKind.CREATE, Stage.VALIDATE): validate,
    (JobKind.CREATE, Stage.PREPARE): prepare,
    (JobKind.CREATE, Stage.SUBMIT): submit,
    (JobKind.CREATE, Stage.TRACK): track,
    (JobKind.EXTEND, Stage.VALIDATE): validate,
    (JobKind.EXTEND, Stage.PREPARE): prepare,
    (JobKind.EXTEND, Stage.SUBMIT): extend,
    (JobKind.EXTEND, Stage.TRACK): track,
    (JobKind.ADOPT, Stage.TRACK): track,
    (JobKind.ERASE, Stage.SUBMIT): erase,
    (JobKind.CANCEL, Stage.SUBMIT): cancel,
}


def stage_of(kind: JobKind, stage: Stage) -> StageFunction:
    """Return what to run. Raises: ServiceError: for a position that this version does not know."""
    try:
        return _PLAN[kind, stage]
    except KeyError:
        raise ServiceError(f"This version knows no stage '{stage}' of a job '{kind}'.") from None
