"""A status poll: whose key it is, and the clone that it may see, in one statement without a transaction.

Most requests are polls. A key that was revoked is refused by the next of them: nothing is remembered here.
"""

from typing import Final

from sqlalchemy import Connection, and_, bindparam, select

from shared.db.models import ApiKey, Clone, Job
from shared.keys import Caller, digest
from shared.views import COLUMNS, CloneView, view_of

_POLL: Final = (
    select(
        ApiKey.account_id.label("caller_account_id"), ApiKey.id.label("caller_key_id"),
        ApiKey.scopes.label("caller_scopes"), *COLUMNS,
    )
    .select_from(ApiKey)
    # The key's account and no other: a clone of somebody else's is not found, as one that is not there.
    .outerjoin(
        Clone,
        and_(Clone.id == bindparam("clone_id"), Clone.account_id == ApiKey.account_id, Clone.deleted_at.is_(None)),
    )
    .outerjoin(Job, Job.id == Clone.job_id)
    .where(ApiKey.digest == bindparam("digest"), ApiKey.revoked_at.is_(None))
)  # fmt: skip


def poll(connection: Connection, key: str, clone_id: str) -> tuple[Caller | None, CloneView | None]:
    """Return who asks, or None for a key that is not known; and the clone, or None where that account has none."""
    row = connection.execute(_POLL, {"digest": digest(key), "clone_id": clone_id}).one_or_none()
    if row is None:
        return None, None
    caller = Caller(row.caller_account_id, row.caller_key_id, frozenset(row.caller_scopes))
    return caller, None if row.id is None else view_of(row)
