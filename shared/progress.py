"""When a job's history says how far it is. Its row is written up to twice a second; a line is for who is not looking.

So there is one for every ten points, and one for whatever was won when half a minute went by without. The line is
written with the progress that it tells of, by whoever holds the job.
"""

from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from shared import events
from shared.db.models import Job
from shared.db.moment import db_now
from shared.states import EventType, Status

POINTS: Final = 10
EVERY_S: Final = 30.0

# What a write to a job returns, for `tell`.
COLUMNS: Final = (
    Job.id, Job.clone_id, Job.account_id, Job.stage, Job.progress, Job.told_progress, Job.told_at,
    db_now().label("now"),
)  # fmt: skip


def tell(session: Session, job: Any, status: Status) -> None:
    """Add a line on the progress of a job, a row of `COLUMNS`, if one is owed; `status` is what the voice is."""
    won = job.progress - job.told_progress
    is_long_ago = job.told_at is None or (job.now - job.told_at).total_seconds() >= EVERY_S
    if won < 1 or not (won >= POINTS or is_long_ago):
        return
    session.execute(update(Job).where(Job.id == job.id).values(told_progress=job.progress, told_at=db_now()))
    data = {"status": status.value, "stage": job.stage.value, "training_progress": job.progress}
    events.append(
        session, clone_id=job.clone_id, account_id=job.account_id, job_id=job.id, kind=EventType.PROGRESS, data=data
    )
