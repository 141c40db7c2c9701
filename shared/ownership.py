"""Under which conditions a clone is there for an account, and what is said when it is not."""

from typing import Any

from shared.db.models import Clone
from shared.errors import CloneNotFound


def owned(account_id: str, clone_id: str) -> tuple[Any, ...]:
    """Return the conditions under which a clone is there for an account: its own and not deleted."""
    return Clone.id == clone_id, Clone.account_id == account_id, Clone.deleted_at.is_(None)


def not_found(clone_id: str) -> CloneNotFound:
    """Say that there is no such clone; the same words whether it never was, was deleted or is another account's."""
    return CloneNotFound(f"There is no voice clone '{clone_id[:40]}' on this account.")
