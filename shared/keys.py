"""Accounts and their API keys. A key is shown once; its SHA-256 is kept, which is enough for 160 random bits."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.db.engine import Database
from shared.db.models import Account, ApiKey
from shared.db.moment import db_now
from shared.errors import InvalidField, NotFound
from shared.ids import ACCOUNT, KEY, new_id, random_word

MAIN_ACCOUNT: Final = "acc_main"
_PREFIX: Final = "cp_"  # greppable, so that a leaked key can be found by a scanner


class Scope(StrEnum):
    """What a key may do."""

    CREATE = "voice:create"
    READ = "voice:read"
    UPDATE = "voice:update"
    DELETE = "voice:delete"
    WEBHOOKS = "webhook:manage"


ALL_SCOPES: Final = tuple(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: the account and what the key may do."""

    account_id: str
    key_id: str
    scopes: frozenset[str]


def digest(key: str) -> str:
    """Return what a key is kept and looked up by."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def find_caller(session: Session, key: str) -> Caller | None:
    """Return whose key this is, or None. Looking up by the digest leaves no secret to compare byte by byte."""
    row = session.execute(
        select(ApiKey.account_id, ApiKey.id, ApiKey.scopes).where(
            ApiKey.digest == digest(key), ApiKey.revoked_at.is_(None)
        )
    ).one_or_none()
    return None if row is None else Caller(row.account_id, row.id, frozenset(row.scopes))


def create_account(session: Session, *, account_id: str | None = None, max_clones: int | None = None) -> str:
    """Make an account; return its id."""
    new = account_id or new_id(ACCOUNT)
    session.execute(insert(Account).values(id=new, clones_held=0, max_clones=max_clones, created_at=db_now()))
    return new


def account_called(name: str | None) -> str:
    """Return the id of the account that is meant: none and `main` are this machine's own."""
    return MAIN_ACCOUNT if name in (None, "main") else name


def create_key(
    session: Session, account_id: str, *, name: str, scopes: tuple[str, ...] = ALL_SCOPES, key: str | None = None
) -> str:
    """Make a key and return it, for the only time. Raises: NotFound, InvalidField."""
    if session.get(Account, account_id) is None:
        raise NotFound(f"There is no account '{account_id}'. 'clonepipe accounts create' makes one.")
    unknown = [scope for scope in scopes if scope not in ALL_SCOPES]
    if unknown:
        raise InvalidField(f"There is no scope '{unknown[0]}'. Scopes: {', '.join(ALL_SCOPES)}.", field="scope")
    secret = key or f"{_PREFIX}{random_word(40)}"
    session.execute(
        insert(ApiKey).values(
            id=new_id(KEY), account_id=account_id, name=name, digest=digest(secret), hint=secret[:7],
            scopes=[str(scope) for scope in scopes], created_at=db_now(),
        )
    )  # fmt: skip
    return secret


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as an operator may see it: all but the key."""

    id: str
    name: str
    account_id: str
    scopes: tuple[str, ...]
    hint: str
    is_revoked: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "name": self.name, "accountId": self.account_id, "scopes": list(self.scopes),
            "hint": self.hint, "revoked": self.is_revoked,
        }  # fmt: skip


def list_keys(session: Session) -> tuple[KnownKey, ...]:
    """Return every key, oldest first."""
    rows = session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id))
    return tuple(
        KnownKey(row.id, row.name, row.account_id, tuple(row.scopes), row.hint, row.revoked_at is not None)
        for row in rows
    )


def revoke(session: Session, key_id: str) -> None:
    """Make a key stop working at once. Raises: NotFound."""
    revoked = session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=db_now())
        .returning(ApiKey.id)
    ).scalar_one_or_none()
    if revoked is None:
        raise NotFound(f"There is no working key '{key_id}'. 'clonepipe keys list' shows them.")


def revoke_secret(session: Session, key: str) -> None:
    """Make a key stop working at once, by the key itself."""
    session.execute(update(ApiKey).where(ApiKey.digest == digest(key)).values(revoked_at=db_now()))


def ensure_bootstrap(database: Database, key: str | None) -> None:
    """Make the account `main` (acc_main), and the operator's key with every scope on it, where they are absent.

    Two processes may do so at once: the loser of the race finds that its work is done.
    """
    try:
        with database.write() as session:
            if session.get(Account, MAIN_ACCOUNT) is None:
                create_account(session, account_id=MAIN_ACCOUNT)
            known = session.scalars(select(ApiKey).where(ApiKey.digest == digest(key))).first() if key else None
            if key and known is None:
                create_key(session, MAIN_ACCOUNT, name="bootstrap", key=key)
            elif known is not None and set(known.scopes) < set(ALL_SCOPES):
                known.scopes = [str(scope) for scope in ALL_SCOPES]  # made by a version that knew fewer
    except IntegrityError:
        with database.read() as session:
            if session.get(Account, MAIN_ACCOUNT) is None:
                raise
