"""An endpoint's health: what attempts say of the receiver itself, and when it is called no more."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from shared.db.moment import db_now
from shared.webhooks.parcels import Heard
from shared.webhooks.schedule import Patience, slows_down


def health_after(
    heard: Collection[Heard], patience: Patience, *, is_active: bool, failing_since: datetime | None, now: datetime
) -> dict[str, Any]:
    """Return what the attempts change in the endpoint's row."""
    if not is_active:
        return {}
    if any(one.is_gone for one in heard):
        return _disabled("The receiver answered 410: it wants no more deliveries.")
    failed = [one for one in heard if one.failure is not None]
    if len(failed) < len(heard):
        return {"failing_since": None, "paused_until": None} if failing_since is not None else {}
    if failing_since is None:
        values: dict[str, Any] = {"failing_since": db_now()}
    elif now - failing_since >= timedelta(seconds=patience.given_up_after_s):
        days = round(patience.given_up_after_s / patience.scale / 86400)
        return _disabled(f"Every attempt has failed for {days} days; the last one: {failed[-1].detail}")
    else:
        values = {}
    waits_s = [one.retry_after_s or 0.0 for one in failed if slows_down(one.status, one.retry_after_s)]
    if waits_s:
        values["paused_until"] = db_now(max(waits_s))
    return values


def _disabled(reason: str) -> dict[str, Any]:
    return {"is_active": False, "disabled_at": db_now(), "disabled_reason": reason, "paused_until": None}
