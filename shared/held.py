"""The samples that vendors hold of our voices, as they were last listed: what can be added to and taken away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from shared.db.models import HeldSample
from shared.db.moment import db_now
from shared.ids import HELD_SAMPLE, new_id
from shared.vendors.protocol import VendorSample


@dataclass(frozen=True, slots=True)
class HeldView:
    """A sample at the vendor; `detail` is what else the vendor says of it."""

    id: str
    vendor_sample_id: str
    filename: str | None
    duration_s: float | None
    size_bytes: int | None
    detail: dict[str, Any]
    created_at: datetime


def note(session: Session, account_id: str, clone_id: str, listed: Sequence[VendorSample]) -> None:
    """Write down what the vendor lists now; what is still there keeps its id here."""
    known = dict(
        session.execute(select(HeldSample.vendor_sample_id, HeldSample.id).where(HeldSample.clone_id == clone_id)).all()
    )
    for number, sample in enumerate(listed):
        values = {
            "filename": sample.filename, "duration_s": sample.duration_s, "size_bytes": sample.size_bytes,
            "detail": dict(sample.detail),
        }  # fmt: skip
        held_id = known.pop(sample.sample_id, None)
        if held_id is not None:
            session.execute(update(HeldSample).where(HeldSample.id == held_id).values(**values))
            continue
        session.execute(
            insert(HeldSample).values(
                id=new_id(HELD_SAMPLE), account_id=account_id, clone_id=clone_id, vendor_sample_id=sample.sample_id,
                # A millisecond apart, so that the order of the vendor's list is kept where it tells no times.
                created_at=sample.created_at or db_now(number / 1000), **values,
            )
        )  # fmt: skip
    session.execute(delete(HeldSample).where(HeldSample.id.in_(known.values())))


def listed(session: Session, clone_id: str) -> tuple[HeldView, ...]:
    """Return a clone's samples at its vendor, oldest first; whose clone it is the caller has checked."""
    rows = session.scalars(
        select(HeldSample).where(HeldSample.clone_id == clone_id).order_by(HeldSample.created_at, HeldSample.id)
    )
    return tuple(
        HeldView(
            row.id, row.vendor_sample_id, row.filename, row.duration_s, row.size_bytes, row.detail, row.created_at
        )
        for row in rows
    )  # fmt: skip


def count(session: Session, clone_id: str) -> int:
    """Return how many samples the vendor holds."""
    return session.scalar(select(func.count()).where(HeldSample.clone_id == clone_id)) or 0
