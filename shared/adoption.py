"""Adopting: a voice that exists at its vendor becomes a clone here, ready at once.

Only one whose vendor lets nobody speak with it until a person has proved whose it is waits for that, as a new one does.
"""

from typing import Any

from sqlalchemy import insert, null, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import events, held, jobs
from shared.clones import take_slot
from shared.db.models import Clone, Job
from shared.db.moment import db_now
from shared.errors import AlreadyAdopted
from shared.states import QUEUE_OF, SPAN_OF, Denoise, EventType, JobKind, Outcome, Stage, Status, Trim, WaitingFor
from shared.vendors.protocol import VoiceAtVendor


def adopt(
    session: Session, account_id: str, clone_id: str, vendor: str, voice: VoiceAtVendor, name: str, *, max_clones: int
) -> None:
    """Write the clone of a voice that its vendor has shown. Raises: CloneLimitExceeded, AlreadyAdopted."""
    owner = session.execute(
        select(Clone.id, Clone.account_id).where(Clone.vendor == vendor, Clone.vendor_voice_id == voice.voice_id)
    ).one_or_none()
    if owner is not None:
        raise _adopted(vendor, voice, owner.id if owner.account_id == account_id else None)
    take_slot(session, account_id, max_clones)
    job_id, now = jobs.new_job_id(), db_now()
    status = Status.READY if voice.to_do is None else Status.PROCESSING
    try:
        with session.begin_nested():
            session.execute(
                insert(Clone).values(
                    id=clone_id, account_id=account_id, name=name, description=voice.description, vendor=vendor,
                    engine=voice.engine, language=None, gender=None, denoise=Denoise.AUTO, trim=Trim.AUTO, labels={},
                    voice_settings={}, callback_url=None, is_active=True, status=status, fallbacks=null(),
                    vendor_voice_id=voice.voice_id, adopted=True, job_id=job_id, seq=0, created_at=now, updated_at=now,
                )
            )  # fmt: skip
    except IntegrityError:
        raise _adopted(vendor, voice, None) from None
    _add_job(session, account_id, clone_id, job_id, vendor, voice)
    held.note(session, account_id, clone_id, voice.samples or ())
    kind, data = EventType.READY, {"status": status.value, "training_progress": 100, "adopted": True}
    if voice.to_do is not None:
        kind, data = EventType.ACTION_REQUIRED, {"status": status.value, "reason": voice.to_do, "adopted": True}
    events.append(session, clone_id=clone_id, account_id=account_id, job_id=job_id, kind=kind, data=data)


def _add_job(session: Session, account_id: str, clone_id: str, job_id: str, vendor: str, voice: VoiceAtVendor) -> None:
    """Write the adoption's job: done, or following a voice that waits for its person."""
    now = db_now()
    how: dict[str, Any] = {"outcome": Outcome.DONE, "progress": 100, "finished_at": now}
    if voice.to_do is not None:
        how = {"waiting_for": WaitingFor.VERIFICATION, "progress": SPAN_OF[Stage.TRACK][0]}
    session.execute(
        insert(Job).values(
            id=job_id, account_id=account_id, clone_id=clone_id, vendor=vendor, engine=voice.engine,
            kind=JobKind.ADOPT, stage=Stage.TRACK, queue=QUEUE_OF[Stage.TRACK], due_at=now, waits=0, attempt=0, fence=0,
            announcements=0, announce_at=now, created_at=now, updated_at=now, stage_started_at=now, **how,
        )
    )  # fmt: skip


def _adopted(vendor: str, voice: VoiceAtVendor, clone_id: str | None) -> AlreadyAdopted:
    whose = f"the clone '{clone_id}'" if clone_id else "a clone here"
    return AlreadyAdopted(f"The voice '{voice.voice_id[:60]}' of {vendor} is {whose} already.", voice_id=clone_id)
