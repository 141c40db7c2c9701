"""Calling a vendor: through its gate, with every exchange written down, and the gate told what came of it.

The one way in which workers and doors reach an adapter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import insert
from sqlalchemy.orm import Session

from shared import gates, log, metrics, plans
from shared.db.engine import Database
from shared.db.models import VendorCall
from shared.db.moment import db_now
from shared.errors import (
    DatabaseUnavailable,
    UnknownOutcome,
    VendorAuth,
    VendorError,
    VendorQuota,
    VendorRateLimited,
    VendorUnavailable,
)
from shared.ids import CALL, new_id
from shared.vendors import journal
from shared.vendors.journal import Exchange
from shared.vendors.protocol import Vendor

T = TypeVar("T")
_PATH_CHARS = 255
_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call is about: for the journal, and of which engine, if one, for the gate."""

    clone_id: str
    job_id: str | None = None
    engine: str | None = None


def ask(
    database: Database, vendor: Vendor, subject: Subject, call: Callable[[Vendor], T], *, creates: bool = False
) -> T:
    """Call a vendor and return what it gives. `creates`: a voice of the subject's engine comes of it, if there is room.

    Raises: VendorPaused, VendorRateLimited: it must not be called now. And what the adapter raises.
    """
    with database.read() as session:
        goes_first = gates.check(session, vendor.name, creates=subject.engine if creates else None)
    if goes_first or vendor.calls_per_minute is not None:
        with database.write() as session:
            if goes_first:
                gates.take_probe(session, vendor.name)
            if vendor.calls_per_minute is not None:
                gates.take_turn(session, vendor.name, 60.0 / vendor.calls_per_minute)
    failure: VendorError | None = None
    with journal.kept() as exchanges:
        try:
            return call(vendor)
        except VendorError as error:
            failure = error
            raise
        finally:
            _settle(database, vendor.name, subject, exchanges, failure, created=creates and failure is None)


def _settle(
    database: Database,
    vendor: str,
    subject: Subject,
    exchanges: Sequence[Exchange],
    failure: VendorError | None,
    *,
    created: bool,
) -> None:
    """Write down what was said. That it cannot be written must not hide what came of the call."""
    _count(vendor, exchanges, failure)
    if not exchanges and failure is None:
        return
    try:
        with database.write() as session:
            for exchange in exchanges:
                _keep(session, subject, exchange)
            _tell_gate(session, vendor, subject.engine, failure, answered=bool(exchanges), created=created)
    except DatabaseUnavailable:
        _logger.warning("vendor_call_not_kept", vendor=vendor, clone=subject.clone_id)


def _count(vendor: str, exchanges: Sequence[Exchange], failure: VendorError | None) -> None:
    for exchange in exchanges:
        status = "none" if exchange.status is None else f"{exchange.status // 100}xx"
        metrics.VENDOR_CALLS.labels(vendor, status).observe(exchange.took_ms / 1000)
    if failure is not None:
        metrics.VENDOR_ERRORS.labels(vendor, failure.code).inc()


def _tell_gate(
    session: Session, vendor: str, engine: str | None, failure: VendorError | None, *, answered: bool, created: bool
) -> None:
    match failure:
        case VendorRateLimited():
            gates.slow_down(session, vendor, failure.retry_after_s)
        case VendorAuth():
            gates.pause(session, vendor, failure)
        case VendorQuota():
            if engine is not None:
                plans.note_full(session, vendor, engine, failure)
        case VendorUnavailable() | UnknownOutcome():
            gates.note_failure(session, vendor)
        case _ if answered:
            gates.note_answer(session, vendor, created=engine if created else None)


def _keep(session: Session, subject: Subject, exchange: Exchange) -> None:
    session.execute(
        insert(VendorCall).values(
            id=new_id(CALL), clone_id=subject.clone_id, job_id=subject.job_id, vendor=exchange.vendor,
            method=exchange.method, path=exchange.path[:_PATH_CHARS], status=exchange.status, failure=exchange.failure,
            request_id=exchange.request_id, took_ms=exchange.took_ms, answer=exchange.answer, at=db_now(),
        )
    )  # fmt: skip
