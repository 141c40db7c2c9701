"""Sweeping: what an upload or a stage that died left in storage, and rows whose time is over.

Storage is swept by dated prefix, never a whole bucket.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, union_all

from shared import aside, idempotency, log
from shared.db.models import PreparedFile, Sample, VendorCall
from shared.db.moment import db_now
from shared.services import Services
from shared.webhooks import journal, keyring, listening

GRACE = timedelta(hours=6)  # no upload is waited for this long, and no stage runs this long
CALLS_KEPT = timedelta(days=30)
_DAYS_BACK = 3
_logger = log.get(__name__)


def sweep(services: Services, *, now: datetime | None = None) -> int:
    """Delete stored recordings that no row knows, once they are older than the grace; return how many.

    Raises: StorageUnavailable, DatabaseUnavailable.
    """
    today = now or datetime.now(UTC)
    sweep_idempotency_keys(services)
    sweep_vendor_calls(services)
    sweep_set_aside(services)
    sweep_webhooks(services)
    services.storage.sweep_unfinished(GRACE.total_seconds())
    swept = 0
    for days in range(_DAYS_BACK + 1):
        swept += _sweep_day(services, today - timedelta(days=days), older_than=today - GRACE)
    if swept:
        _logger.info("swept", objects=swept)
    return swept


def sweep_idempotency_keys(services: Services) -> int:
    """Forget the idempotency keys that have been kept for their day; return how many. Raises: DatabaseUnavailable."""
    with services.database.write() as session:
        return idempotency.forget_expired(session)


def sweep_vendor_calls(services: Services) -> None:
    """Forget what was said to vendors when nobody argues about it any more. Raises: DatabaseUnavailable."""
    with services.database.write() as session:
        session.execute(delete(VendorCall).where(VendorCall.at < db_now(-CALLS_KEPT.total_seconds())))


def sweep_set_aside(services: Services) -> None:
    """Delete the recordings of extensions that failed a day ago and were not tried again.

    Raises: StorageUnavailable, DatabaseUnavailable.
    """
    with services.database.read() as session:
        if not aside.any_expired(session):
            return
    with services.database.write() as session:
        keys = aside.drop_expired(session)
    for key in keys:
        services.storage.delete(key)


def sweep_webhooks(services: Services) -> None:
    """Forget what was told long ago, and seal with the present key what was sealed with a former one.

    Raises: DatabaseUnavailable. SetupError: when a secret cannot be opened.
    """
    more = True
    while more:
        with services.database.write() as session:
            more = journal.forget_old(session)
    with services.database.write() as session:
        listening.forget_idle(session)
    with services.database.read() as session:
        more = keyring.any_sealed_otherwise(session, services.vault)
    while more:
        with services.database.write() as session:
            more = keyring.reseal(session, services.vault) > 0


def _sweep_day(services: Services, day: datetime, *, older_than: datetime) -> int:
    swept = 0
    for stored in services.storage.list(f"samples/{day:%Y-%m-%d}/"):
        if stored.modified_at < older_than and not _is_known(services, stored.key):
            services.storage.delete(stored.key)
            swept += 1
    return swept


def _is_known(services: Services, key: str) -> bool:
    uploaded = select(Sample.object_key).where(Sample.object_key == key)
    prepared = select(PreparedFile.object_key).where(PreparedFile.object_key == key)
    with services.database.read() as session:
        return session.scalar(union_all(uploaded, prepared).limit(1)) is not None
